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
 * their age. Left out is the lane of history, and who woke longer than `withinMs` ago and has no record from since then that waits: it is stuck,
 * or waits for another model. One that never sleeps because more and more comes in is not.
 */
export async function findLiveTraffic(db: Queryable, tenant: string, withinMs: number): Promise<LiveTrafficRow> {
  const statement = {
    name: 'find_live_traffic',
    text: `
      select
        coalesce(bool_or(channel = 'chat'), false) as waiting,
        count(*) > 0 as awake,
        (select extract(epoch from now() - asked_at)::double precision * 1000
         from retrieval where tenant = $1 order by asked_at desc limit 1) as asked_ms_ago
      from session s, (select now() - $2::double precision * interval '1 ms' as since)
      where tenant = $1 and awake_since is not null and not in_lane and (
        awake_since > since
        or (select max(accepted_at) from freshness f
            where f.tenant = $1 and f.session_id = s.session_id and state in ('accepted', 'processing')) > since)`,
  };
  return only(await run<LiveTrafficRow>(db, statement, [tenant, withinMs]));
}
