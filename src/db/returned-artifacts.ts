import { only, run, type Queryable } from './pools.ts';
import type { StoredArtifact } from './artifacts.ts';

/** A piece of a record, as one kind of recognition has it. */
export interface PieceOfRecord {
  readonly tenant: string;
  readonly interactionId: string;
  readonly kind: string;
  readonly piece: number;
}

/**
 * The artifact that stands for a piece: served, or held back for its quality; undefined when there is none. One that an
 * index version alone serves stands for nothing else.
 */
export async function standingArtifact(db: Queryable, piece: PieceOfRecord): Promise<StoredArtifact | undefined> {
  const statement = {
    name: 'standing_artifact',
    text: `
      select a.artifact_id, a.piece, a.state, a.confidence,
        (select count(*)::integer from chunk c where c.tenant = $1 and c.artifact_id = a.artifact_id) as chunks
      from artifact a
      where a.tenant = $1 and a.interaction_id = $2::uuid and a.kind = $3 and a.piece = $4
        and a.state in ('active', 'quarantined', 'discarded') and a.shown_in is null
      order by array_position(array['active', 'quarantined', 'discarded'], a.state)
      limit 1`,
  };
  const { tenant, interactionId, kind, piece: number } = piece;
  const rows = await run<StoredArtifact>(db, statement, [tenant, interactionId, kind, number]);
  return rows[0];
}

/**
 * Has an artifact that was replaced, or whose vectors failed, stand for its piece again, with the chunks that it has.
 * After `lockRecord` of the same transaction, which asks the fence. Answers whether there was such an artifact.
 */
export async function returnArtifact(
  transaction: Queryable,
  piece: PieceOfRecord,
  artifactId: string,
  state: 'active' | 'quarantined',
  reason: string | null,
): Promise<boolean> {
  const statement = {
    name: 'return_artifact',
    text: `
      with returned as (
        update artifact set state = $4, reason = $5, superseded_at = null, failed_at = null, detail = null
        where tenant = $1 and interaction_id = $2::uuid and artifact_id = $3::uuid and state in ('superseded', 'failed')
        returning artifact_id
      ), served as (
        update chunk set
          active = true, activated_at = clock_timestamp(), withdrawn_at = null, shown_in = null, hidden_in = null
        where tenant = $1 and artifact_id in (select artifact_id from returned) and $4 = 'active' and not active
      ), stamped as (
        update freshness set text_reachable_at = coalesce(text_reachable_at, clock_timestamp())
        where tenant = $1 and interaction_id = $2 and $4 = 'active' and exists (select from returned)
      )
      select exists (select from returned) as returned`,
  };
  const values = [piece.tenant, piece.interactionId, artifactId, state, reason];
  return only(await run<{ returned: boolean }>(transaction, statement, values)).returned;
}
