import type { Modality } from '../domain/interaction.ts';
import { run, type Queryable } from './pools.ts';
import { ofRealCustomers } from './real-customers.ts';

/** When a record came, and how long what was done with it took, in milliseconds. */
export interface RehearsedRow {
  readonly modality: Modality;
  readonly accepted_at: Date;
  readonly captured_ago_ms: number;
  /** From acceptance to reachable; null while it is not, and of what was let go by a decision. */
  readonly reachable_ms: number | null;
  /** From when it was taken until its vector was there. */
  readonly transform_ms: number | null;
  readonly pieces_total: number;
  /** Of the models, for each piece that they have recognised. */
  readonly model_ms: readonly number[];
}

/**
 * Records that were accepted within a time, in that order, but for canaries and for what came late, which no queue of
 * that time could have made fresh. Times and counts only.
 */
export async function recordsToRehearse(
  reader: Queryable,
  tenant: string,
  { from, to }: { readonly from: Date; readonly to: Date },
  lateAfterMs: number,
): Promise<RehearsedRow[]> {
  const statement = {
    name: 'records_to_rehearse',
    text: `
      select
        f.modality, f.accepted_at,
        (extract(epoch from f.accepted_at - f.captured_at) * 1000)::float8 as captured_ago_ms,
        case when f.released_at is null then
          (extract(epoch from f.reachable_at - f.accepted_at) * 1000)::float8
        end as reachable_ms,
        f.pieces_total,
        (extract(epoch from f.transformed_at - f.picked_up_at) * 1000)::float8 as transform_ms,
        coalesce(made.model_ms, '{}') as model_ms
      from freshness f
      left join lateral (
        select array_agg(a.model_ms order by a.piece, a.kind) as model_ms
        from artifact a
        where a.tenant = $1 and a.interaction_id = f.interaction_id and a.model_ms > 0
          and a.state not in ('superseded', 'staged')
      ) as made on f.modality <> 'chat'
      where f.tenant = $1 and f.accepted_at >= $2 and f.accepted_at < $3
        and f.accepted_at - f.captured_at <= $4::double precision * interval '1 ms' and ${ofRealCustomers('f.customer_key')}
      order by f.accepted_at`,
  };
  return run<RehearsedRow>(reader, statement, [tenant, from, to, lateAfterMs]);
}
