import type { Channel } from '../domain/interaction.ts';
import { admits } from './fence.ts';
import { only, run, type Queryable } from './pools.ts';

/** A session whose workflow may have to be rung. */
export interface SessionRow {
  readonly session_id: string;
  readonly channel: Channel;
  readonly customer_key: string;
  readonly workflow_id: string;
}

/** One whose ring is overdue. */
export interface OverdueSessionRow extends SessionRow {
  /** All that waits in it is of so long ago that nobody waits for it, and so is what may follow it. */
  readonly history: boolean;
}

/** An ended call: when, and how many segments it had. */
export interface CallEnd {
  readonly tenant: string;
  readonly sessionId: string;
  readonly endedAt: Date;
  readonly expectedSegments: number;
  readonly ringAfterMs: number;
}

/** Whether the end was written, or which other end was there before. `unknown`: no segment of this call ever came. */
export type EndOutcome =
  | { readonly outcome: 'ended'; readonly session: SessionRow }
  | { readonly outcome: 'conflict' }
  | { readonly outcome: 'unknown' };

/** Writes the end of a call, once: the same end again is harmless, another one is a conflict. */
export async function endCall(db: Queryable, end: CallEnd): Promise<EndOutcome> {
  const statement = {
    name: 'end_call',
    text: `
      with ended as (
        update session set
          ended_at = $3,
          expected_segments = $4,
          arrivals = arrivals + 1,
          awake_since = coalesce(awake_since, now()),
          ring_after = now() + $5::double precision * interval '1 ms'
        where tenant = $1 and session_id = $2::uuid
          and (ended_at is null or (ended_at = $3 and expected_segments = $4))
        returning session_id, channel, customer_key, workflow_id
      )
      select true as ended, session_id, channel, customer_key, workflow_id from ended
      union all
      select false, session_id, channel, customer_key, workflow_id
      from session
      where tenant = $1 and session_id = $2::uuid and not exists (select from ended)`,
  };
  const values = [end.tenant, end.sessionId, end.endedAt, end.expectedSegments, end.ringAfterMs];
  const [row] = await run<SessionRow & { ended: boolean }>(db, statement, values);
  if (row === undefined) return { outcome: 'unknown' };
  return row.ended ? { outcome: 'ended', session: row } : { outcome: 'conflict' };
}

/** Marks a conversation as ended by its channel; false when no message of it ever came. */
export async function endConversation(db: Queryable, tenant: string, sessionId: string): Promise<boolean> {
  const statement = {
    name: 'end_conversation',
    text: `
      update session set ended_at = coalesce(ended_at, now())
      where tenant = $1 and session_id = $2::uuid
      returning session_id`,
  };
  return (await run(db, statement, [tenant, sessionId])).length > 0;
}

/**
 * Lets a session sleep if nothing has arrived since `arrivals` was read. One row and one condition: a record that is
 * being accepted at this moment holds the row, and the condition is then checked against the row as it left it. A
 * session that an erasure took sleeps too: its next record makes it anew and rings.
 */
export async function sleepUnlessRung(
  db: Queryable,
  tenant: string,
  sessionId: string,
  arrivals: number,
): Promise<boolean> {
  const statement = {
    name: 'sleep_unless_rung',
    text: `
      with slept as (
        update session set awake_since = null
        where tenant = $1 and session_id = $2::uuid and arrivals = $3
        returning session_id
      )
      select exists (select from slept)
        or not exists (select from session where tenant = $1 and session_id = $2) as asleep`,
  };
  return only(await run<{ asleep: boolean }>(db, statement, [tenant, sessionId, arrivals])).asleep;
}

/**
 * Claims sessions whose ring is overdue and puts off their next ring, twice as long each time, up to an hour: a slow
 * workflow is not buried under signals. Rows that another process is claiming are skipped. Those in the lane of history
 * are its: src/db/history-lane.ts. The few conversations that left it are as live ones: a live message in one of them
 * joins the run that is open, and must not wait behind history with it.
 *
 * @param bulkAfterMs how long after its capture a record is history.
 * @param lane whether there is a lane for the history of conversations.
 */
export async function claimOverdueSessions(
  db: Queryable,
  tenant: string,
  ringAfterMs: number,
  limit: number,
  bulkAfterMs: number,
  lane: boolean,
): Promise<OverdueSessionRow[]> {
  const statement = {
    name: 'claim_overdue_sessions',
    text: `
      with overdue as (
        select session_id
        from session
        where tenant = $1 and awake_since is not null and not in_lane and ring_after < now()
        order by ring_after
        limit $3
        for update skip locked
      )
      update session set
        rings = rings + 1,
        ring_after = now() + least($2::double precision * power(2, least(rings, 10)), 3600000) * interval '1 ms'
      from overdue
      where tenant = $1 and session.session_id = overdue.session_id
      returning session.session_id, channel, customer_key, workflow_id, not ($5::boolean and channel = 'chat') and coalesce((
        select bool_and(accepted_at - captured_at > $4::double precision * interval '1 ms')
        from freshness
        where tenant = $1 and freshness.session_id = session.session_id and state in ('accepted', 'processing')
      ), false) as history`,
  };
  return run<OverdueSessionRow>(db, statement, [tenant, ringAfterMs, limit, bulkAfterMs, lane]);
}

/** Gives claims back that nobody rang for: the next round is soon, and is no later for those that follow it. */
export async function returnOverdueSessions(
  db: Queryable,
  tenant: string,
  sessionIds: readonly string[],
  ringAfterMs: number,
): Promise<void> {
  const statement = {
    name: 'return_overdue_sessions',
    text: `
      update session set
        rings = greatest(rings - 1, 0),
        ring_after = least(ring_after, now() + $3::double precision * interval '1 ms')
      where tenant = $1 and session_id = any($2::uuid[]) and awake_since is not null`,
  };
  await run(db, statement, [tenant, sessionIds, ringAfterMs]);
}

/**
 * Wakes sessions that sleep although a record of theirs waits: a step ended without settling it. The ring is left to
 * the next round; one that was rung for lately is left alone, so that a record which cannot settle costs little. What
 * lies behind the fence of an erasure, or waits for a paused source, wakes nobody.
 */
export async function wakeStuckSessions(db: Queryable, tenant: string, waitedMs: number): Promise<number> {
  const statement = {
    name: 'wake_stuck_sessions',
    text: `
      with stuck as (
        select distinct f.session_id
        from freshness f
        join interaction i on i.tenant = $1 and i.interaction_id = f.interaction_id
        join subject owner on owner.tenant = $1 and owner.customer_key = f.customer_key
        where f.tenant = $1 and f.state in ('accepted', 'processing') and f.waits_for is null
          and f.accepted_at < now() - $2::double precision * interval '1 ms'
          and ${admits('i', 'owner')}
      ), woken as (
        update session s set awake_since = now(), ring_after = now(), arrivals = arrivals + 1
        from stuck
        where s.tenant = $1 and s.session_id = stuck.session_id and s.awake_since is null
          and s.ring_after < now() - $2 * interval '1 ms'
        returning s.session_id
      )
      select count(*)::integer as woken from woken`,
  };
  return only(await run<{ woken: number }>(db, statement, [tenant, waitedMs])).woken;
}

export interface CallWorkRow {
  readonly arrivals: number;
  readonly ended: boolean;
  readonly missing_segments: number;
  readonly interaction_id: string | null;
  readonly duration_ms: number | null;
  readonly media_type: string | null;
  /** The length above which it is cut: that of the first time. */
  readonly piece_target_ms: number | null;
  /** How often an operator has had it run again. */
  readonly attempts: number | null;
}

/**
 * What a call's workflow has to do, as of one snapshot: the session, and a row for each record that is not finished
 * (or one row of nulls). Stamps the records as picked up and puts off the sweep's ring while the workflow is at it.
 *
 * @param pieceTargetMs kept of each recording, once: run again after the dial was moved, it comes to the same pieces.
 */
export async function takeWork(
  db: Queryable,
  tenant: string,
  sessionId: string,
  pieceTargetMs: number | null,
): Promise<CallWorkRow[]> {
  const statement = {
    name: 'take_work',
    text: `
      with state as materialized (
        select
          s.arrivals,
          s.ended_at is not null as ended,
          greatest(0, coalesce(s.expected_segments, 0) - (
            select count(*) from interaction i
            where i.tenant = $1 and i.session_id = $2::uuid and i.segment_index is not null
          ))::integer as missing_segments
        from session s
        where s.tenant = $1 and s.session_id = $2::uuid
      ), taken as (
        update freshness set
          state = 'processing',
          picked_up_at = coalesce(picked_up_at, clock_timestamp()),
          piece_target_ms = coalesce(piece_target_ms, $3::integer)
        where tenant = $1 and session_id = $2::uuid and state in ('accepted', 'processing')
        returning interaction_id, captured_at, piece_target_ms, attempts
      ), put_off as (
        update session set ring_after = greatest(ring_after, now() + interval '10 minutes')
        where tenant = $1 and session_id = $2::uuid
      )
      select
        state.arrivals::integer, state.ended, state.missing_segments,
        i.interaction_id, i.duration_ms, i.media_type, taken.piece_target_ms, taken.attempts
      from state
      left join (
        taken
        join interaction i on i.tenant = $1 and i.interaction_id = taken.interaction_id
      ) on true
      order by taken.captured_at`,
  };
  return run<CallWorkRow>(db, statement, [tenant, sessionId, pieceTargetMs]);
}
