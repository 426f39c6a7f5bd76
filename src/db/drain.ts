import { run, type Queryable } from './pools.ts';
import type { Modality } from '../domain/interaction.ts';

export interface DrainRow {
  readonly modality: Modality;
  readonly waiting: number;
  readonly completed_per_second: number | null;
}

/** What waited of each modality at the last sample, if that was taken lately, and how fast it became reachable. */
export async function lastSample(db: Queryable, tenant: string, withinMs: number): Promise<DrainRow[]> {
  const statement = {
    name: 'last_backlog_sample',
    text: `
      select modality, waiting, completed_per_second
      from backlog_sample
      where tenant = $1 and sampled_at = (select max(sampled_at) from backlog_sample where tenant = $1)
        and sampled_at > now() - $2::double precision * interval '1 ms'`,
  };
  return run<DrainRow>(db, statement, [tenant, withinMs]);
}
