import { only, run, type Queryable } from './pools.ts';

/** How much is to be done. */
export interface WaitingRow {
  readonly waiting: number;
  /** Of these, records that have used up more than half of their budget. */
  readonly late: number;
  /** Besides these: records that wait for a paused source, up to the number that was asked for. */
  readonly parked: number;
}

/**
 * Counts what waits, by the index of what waits, and by itself what waits for a paused source: it keeps nobody from
 * anything else.
 *
 * @param budgets milliseconds by modality.
 * @param maxParked where counting what is parked may end.
 */
export async function countWaiting(
  db: Queryable,
  tenant: string,
  budgets: Readonly<Record<string, number>>,
  maxParked: number,
): Promise<WaitingRow> {
  const statement = {
    name: 'count_waiting',
    text: `
      select
        count(*)::integer as waiting,
        (count(*) filter (
          where accepted_at < now() - ($2::jsonb ->> modality)::double precision / 2 * interval '1 ms'))::integer as late,
        (
          select count(*)::integer from (
            select from freshness where tenant = $1 and waits_for is not null limit $3
          ) as waits_for_source
        ) as parked
      from freshness
      where tenant = $1 and state in ('accepted', 'processing') and waits_for is null`,
  };
  return only(await run<WaitingRow>(db, statement, [tenant, JSON.stringify(budgets), maxParked]));
}
