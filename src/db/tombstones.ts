import type { Modality } from '../domain/interaction.ts';
import { run, type Queryable } from './pools.ts';

/** What is left of an erased record. */
export interface TombstoneRow {
  readonly interaction_id: string;
  readonly erasure_id: string;
  readonly modality: Modality;
  readonly erased_at: Date;
}

export async function findTombstone(
  reader: Queryable,
  tenant: string,
  interactionId: string,
): Promise<TombstoneRow | undefined> {
  const statement = {
    name: 'find_tombstone',
    text: `
      select interaction_id, erasure_id, modality, erased_at
      from tombstone
      where tenant = $1 and interaction_id = $2::uuid`,
  };
  return (await run<TombstoneRow>(reader, statement, [tenant, interactionId]))[0];
}
