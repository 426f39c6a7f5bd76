import type { Modality } from '../domain/interaction.ts';
import { run, type Queryable } from './pools.ts';
import { ofRealCustomers } from './real-customers.ts';
import { servedBy } from './served.ts';

/** What is held of a modality, and how much of it answers can find. Whole counts, however many there are. */
export interface CoverageRow {
  readonly modality: Modality;
  readonly records: number;
  readonly reachable: number;
  readonly quarantined: number;
  readonly failed: number;
  /** Accepted or in work. */
  readonly backlog: number;
  readonly oldest_waiting_ms: number | null;
  readonly last_reachable_at: Date | null;
  /** Texts that are served, of records that are called reachable. */
  readonly chunks: number;
  readonly with_vector: number;
}

/**
 * Counted from the rows, not from what jobs said: a text counts as covered when its vector is in the live index version.
 * `windowMs` leaves out what was accepted before; null counts all.
 */
export async function coverage(
  reader: Queryable,
  tenant: string,
  indexVersion: number,
  windowMs: number | null,
): Promise<CoverageRow[]> {
  const statement = {
    name: 'coverage',
    text: `
      with record as materialized (
        select f.modality, f.interaction_id, f.state, f.accepted_at, f.reachable_at
        from freshness f
        where f.tenant = $1 and ${ofRealCustomers('f.customer_key')} and f.state <> 'erased'
          and ($3::double precision is null or f.state in ('accepted', 'processing')
            or f.accepted_at > now() - $3 * interval '1 ms')
      ), served as (
        select r.modality, count(*) as chunks, count(e.chunk_id) as with_vector
        from record r
        join chunk c on c.tenant = $1 and c.interaction_id = r.interaction_id
        left join embedding e on e.index_version = $2 and e.tenant = $1 and e.chunk_id = c.chunk_id
        where r.state = 'reachable' and ${servedBy('$2')}
        group by r.modality
      )
      select
        r.modality,
        count(*)::float8 as records,
        (count(*) filter (where r.state = 'reachable'))::float8 as reachable,
        (count(*) filter (where r.state = 'quarantined'))::float8 as quarantined,
        (count(*) filter (where r.state = 'failed'))::float8 as failed,
        (count(*) filter (where r.state in ('accepted', 'processing')))::float8 as backlog,
        (extract(epoch from now() - min(r.accepted_at) filter (where r.state in ('accepted', 'processing'))) * 1000)::float8
          as oldest_waiting_ms,
        max(r.reachable_at) as last_reachable_at,
        coalesce(max(s.chunks), 0)::float8 as chunks,
        coalesce(max(s.with_vector), 0)::float8 as with_vector
      from record r
      left join served s using (modality)
      group by r.modality
      order by r.modality`,
  };
  return run<CoverageRow>(reader, statement, [tenant, indexVersion, windowMs]);
}
