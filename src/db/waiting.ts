import { only, run, type Queryable } from './pools.ts';

/** How much is to be done. */
export interface WaitingRow {
  readonly waiting: number;
  /** Of these, records that have used up more than half of their budget. */
  readonly late: number;
}

/** Counts what waits, by the index of what waits; `budgets` are milliseconds by modality. */
export async function countWaiting(
  db: Queryable,
  tenant: string,
  budgets: Readonly<Record<string, number>>,
): Promise<WaitingRow> {
  const statement = {
    name: 'count_waiting',
    text: `
      select
        count(*)::integer as waiting,
        (count(*) filter (
          where accepted_at < now() - ($2::jsonb ->> modality)::double precision / 2 * interval '1 ms'))::integer as late
      from freshness
      where tenant = $1 and state in ('accepted', 'processing')`,
  };
  return only(await run<WaitingRow>(db, statement, [tenant, JSON.stringify(budgets)]));
}
