import { only, run, type Queryable } from './pools.ts';

export interface LiveTrafficRow {
  /** A conversation is awake: a message of it is on its way to its vector. */
  readonly waiting: boolean;
  /** A conversation, call or screenshot is awake. */
  readonly awake: boolean;
  /** Since the last question was answered; null when none ever was. */
  readonly asked_ms_ago: number | null;
}

/**
 * What a tenant's live traffic is like, by two indexes that hold little: of sessions that are awake, and of questions by
 * their age. Who has been awake for longer than `awakeForMs` is left out: it is stuck, or waits for another model.
 */
export async function findLiveTraffic(db: Queryable, tenant: string, awakeForMs: number): Promise<LiveTrafficRow> {
  const statement = {
    name: 'find_live_traffic',
    text: `
      select
        coalesce(bool_or(channel = 'chat'), false) as waiting,
        count(*) > 0 as awake,
        (select extract(epoch from now() - asked_at)::double precision * 1000
         from retrieval where tenant = $1 order by asked_at desc limit 1) as asked_ms_ago
      from session
      where tenant = $1 and awake_since > now() - $2::double precision * interval '1 ms'`,
  };
  return only(await run<LiveTrafficRow>(db, statement, [tenant, awakeForMs]));
}
