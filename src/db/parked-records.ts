import type { ModelSource } from '../domain/model-source.ts';
import { only, run, type Queryable } from './pools.ts';

/**
 * Lets records wait for a source that is paused. They are rows and nothing else meanwhile: no step, no retry and no
 * deadline of theirs runs. Answers how many; what is done with has no step that could wait.
 */
export async function parkRecords(
  db: Queryable,
  tenant: string,
  interactionIds: readonly string[],
  source: ModelSource,
): Promise<number> {
  const statement = {
    name: 'park_records',
    text: `
      with parked as (
        update freshness set waits_for = $3, parked_at = coalesce(parked_at, now())
        where tenant = $1 and interaction_id = any($2::uuid[]) and state in ('accepted', 'processing')
        returning interaction_id
      )
      select count(*)::integer as parked from parked`,
  };
  return only(await run<{ parked: number }>(db, statement, [tenant, interactionIds, source])).parked;
}

/** How much has arrived in a session; undefined for one that an erasure took. */
export async function findArrivals(db: Queryable, tenant: string, sessionId: string): Promise<number | undefined> {
  const statement = {
    name: 'find_arrivals',
    text: 'select arrivals::integer as arrivals from session where tenant = $1 and session_id = $2::uuid',
  };
  return (await run<{ arrivals: number }>(db, statement, [tenant, sessionId]))[0]?.arrivals;
}

/**
 * Lets all that waits in a session wait for a source, and the session sleep, if nothing has arrived since `arrivals` was
 * read; answers whether it sleeps.
 */
export async function parkSession(
  db: Queryable,
  tenant: string,
  sessionId: string,
  arrivals: number,
  source: ModelSource,
): Promise<boolean> {
  const statement = {
    name: 'park_session',
    text: `
      with parked as (
        update freshness set waits_for = $4, parked_at = coalesce(parked_at, now())
        where tenant = $1 and session_id = $2::uuid and state in ('accepted', 'processing')
      ), slept as (
        update session set awake_since = null
        where tenant = $1 and session_id = $2 and arrivals = $3
        returning session_id
      )
      select exists (select from slept) as asleep`,
  };
  return only(await run<{ asleep: boolean }>(db, statement, [tenant, sessionId, arrivals, source])).asleep;
}

/**
 * Wakes what waits for sources that run, the oldest first; answers how many records. Their sessions are awake and
 * overdue, so that the sweep rings; another attempt makes a run that is open begin them again. Any number of processes
 * may do so, and one that dies in between has done nothing.
 */
export async function wakeParked(db: Queryable, tenant: string, limit: number): Promise<number> {
  const statement = {
    name: 'wake_parked',
    // Of each source by itself, the oldest first as the index has them: over all of them every row would be sorted.
    text: `
      with due as materialized (
        select each.interaction_id
        from model_source s
        cross join lateral (
          select interaction_id, accepted_at
          from freshness
          where tenant = $1 and waits_for = s.source
          order by accepted_at
          limit $2
          for update skip locked
        ) as each
        where s.state = 'running'
        order by each.accepted_at
        limit $2
      ), freed as (
        update freshness f set
          waits_for = null,
          attempts = f.attempts + case when f.state in ('accepted', 'processing') then 1 else 0 end
        from due
        where f.tenant = $1 and f.interaction_id = due.interaction_id
        returning f.session_id, f.state
      ), woken as (
        update session set
          arrivals = arrivals + 1, awake_since = coalesce(awake_since, now()), rings = 0, ring_after = now()
        where tenant = $1 and session_id in (
          select session_id from freed where state in ('accepted', 'processing'))
      )
      select count(*)::integer as woken from freed`,
  };
  return only(await run<{ woken: number }>(db, statement, [tenant, limit])).woken;
}

export interface ParkedRow {
  readonly source: ModelSource;
  readonly waiting: number;
  readonly oldest_ms: number;
}

/** How many records of a tenant wait for a paused source, and for how long the oldest does. */
export async function countParked(reader: Queryable, tenant: string): Promise<ParkedRow[]> {
  const statement = {
    name: 'count_parked',
    text: `
      select
        waits_for as source, count(*)::integer as waiting,
        (extract(epoch from now() - min(accepted_at)) * 1000)::float8 as oldest_ms
      from freshness
      where tenant = $1 and waits_for is not null and state in ('accepted', 'processing')
      group by waits_for`,
  };
  return run<ParkedRow>(reader, statement, [tenant]);
}
