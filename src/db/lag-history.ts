import type { Modality } from '../domain/interaction.ts';
import { run, type Queryable } from './pools.ts';
import { ofRealCustomers } from './real-customers.ts';

/** What became reachable within a stretch of time of one modality. */
export interface LagStretch {
  readonly at: Date;
  readonly modality: Modality;
  readonly reached: number;
  /** p50, p95 and p99 from capture to reachable, in milliseconds. */
  readonly lag: readonly [number, number, number];
}

/**
 * How old records were when they became reachable, in stretches of a window, oldest first. Those that came late, or lay in
 * quarantine, are left out as in `freshnessWithin`. Rows are found by when they were accepted: what was accepted longer
 * than `lookBackMs` before the window is not seen.
 */
export async function lagHistory(
  reader: Queryable,
  tenant: string,
  stretches: { windowMs: number; stretchMs: number; lookBackMs: number },
  lateAfterMs: number,
): Promise<LagStretch[]> {
  const statement = {
    name: 'lag_history',
    text: `
      select
        date_bin($3::double precision * interval '1 ms', reachable_at, 'epoch') as at, modality,
        count(*)::integer as reached,
        percentile_cont(array[0.5, 0.95, 0.99]) within group (order by extract(epoch from reachable_at - captured_at) * 1000)
          as lag
      from freshness
      where tenant = $1 and state = 'reachable'
        and accepted_at > now() - ($2::double precision + $4::double precision) * interval '1 ms'
        and reachable_at > now() - $2::double precision * interval '1 ms'
        and released_at is null and accepted_at - captured_at <= $5::double precision * interval '1 ms'
        and ${ofRealCustomers('customer_key')}
      group by 1, 2
      order by 1, 2`,
  };
  const { windowMs, stretchMs, lookBackMs } = stretches;
  return run<LagStretch>(reader, statement, [tenant, windowMs, stretchMs, lookBackMs, lateAfterMs]);
}
