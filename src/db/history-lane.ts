import { run, type Queryable } from './pools.ts';

/** What a step takes of the lane at most. */
export interface LaneLimits {
  /** Of all sessions. */
  readonly messages: number;
  /** Of one session. */
  readonly perSession: number;
}

export interface LanePage {
  readonly sessionIds: readonly string[];
  /** There is as much as was asked for, in all or of one session; more may be behind it. */
  readonly full: boolean;
}

interface LaneRow {
  readonly session_id: string;
  readonly messages: number;
}

/**
 * Conversations of a tenant's lane of history, those that woke first at first, until they have as many messages as are
 * asked for: one at least, if any is there. A session without a message that waits is one of them, to be put to sleep.
 * Nothing is claimed: indexing twice changes nothing.
 */
export async function nextOfLane(
  db: Queryable,
  tenant: string,
  { messages, perSession }: LaneLimits,
): Promise<LanePage> {
  const statement = {
    name: 'next_of_lane',
    text: `
      with next as materialized (
        select session_id, ring_after
        from session
        where tenant = $1 and in_lane and awake_since is not null
        order by ring_after, session_id
        limit $2::integer
      ), counted as (
        select next.session_id, next.ring_after, (
          select count(*)::integer from (
            select from freshness f
            where f.tenant = $1 and f.session_id = next.session_id and f.state in ('accepted', 'processing')
            limit $3::integer
          ) as waits
        ) as messages
        from next
      ), summed as (
        select session_id, ring_after, messages,
          sum(messages) over (order by ring_after, session_id) - messages as before
        from counted
      )
      select session_id, messages
      from summed
      where before < $2
      order by ring_after, session_id`,
  };
  const rows = await run<LaneRow>(db, statement, [tenant, messages, perSession]);
  const found = rows.reduce((sum, row) => sum + row.messages, 0);
  const full = found >= messages || rows.length >= messages || rows.some((row) => row.messages >= perSession);
  return { sessionIds: rows.map(({ session_id }) => session_id), full };
}

/** Has sessions looked after by runs of their own from now on; the sweep rings for them. */
export async function leaveLane(db: Queryable, tenant: string, sessionIds: readonly string[]): Promise<void> {
  const statement = {
    name: 'leave_lane',
    text: `
      update session set in_lane = false, ring_after = now(), rings = 0
      where tenant = $1 and session_id = any($2::uuid[]) and in_lane`,
  };
  await run(db, statement, [tenant, sessionIds]);
}

/** Whether something has waited in the lane for longer than its ring may be late. */
export async function isLaneOverdue(db: Queryable, tenant: string): Promise<boolean> {
  const statement = {
    name: 'is_lane_overdue',
    text: `
      select from session
      where tenant = $1 and in_lane and awake_since is not null and ring_after < now()
      limit 1`,
  };
  return (await run(db, statement, [tenant])).length > 0;
}
