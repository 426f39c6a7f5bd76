import type { Modality } from '../domain/interaction.ts';
import type { PressureStep } from '../domain/pressure.ts';
import type { BacklogSample, QueueSample } from './backlog.ts';
import { run, type Queryable } from './pools.ts';

/** The tenant's newest sample of each modality; none if it is older than so long. */
export async function latestBacklog(db: Queryable, tenant: string, maxAgeMs: number): Promise<BacklogSample[]> {
  const statement = {
    name: 'latest_backlog',
    text: `
      select *
      from backlog_sample
      where tenant = $1
        and sampled_at = (select max(sampled_at) from backlog_sample where tenant = $1)
        and sampled_at > now() - $2::double precision * interval '1 ms'
      order by modality`,
  };
  return run<BacklogSample>(db, statement, [tenant, maxAgeMs]);
}

/** The newest sample of each task queue; none if it is older than so long. */
export async function latestQueues(db: Queryable, maxAgeMs: number): Promise<QueueSample[]> {
  const statement = {
    name: 'latest_queues',
    text: `
      select sampled_at, queue, kind, priority_key, backlog::float8 as backlog, oldest_ms, added_per_second, dispatched_per_second
      from queue_sample
      where sampled_at = (select max(sampled_at) from queue_sample)
        and sampled_at > now() - $1::double precision * interval '1 ms'
      order by queue, kind, priority_key`,
  };
  return run<QueueSample>(db, statement, [maxAgeMs]);
}

/** A stretch of time of one modality: rates over it, of the rest what was worst. */
export interface BacklogStretch {
  readonly at: Date;
  readonly modality: Modality;
  readonly waiting: number;
  readonly overdue: number;
  readonly oldest_ms: number | null;
  readonly arrived_per_second: number | null;
  readonly completed_per_second: number | null;
  readonly expected_lag_ms: number | null;
  readonly minutes_to_breach: number | null;
}

/** A tenant's samples of a window, oldest first, in stretches of so long. */
export async function backlogHistory(
  db: Queryable,
  tenant: string,
  windowMs: number,
  stretchMs: number,
): Promise<BacklogStretch[]> {
  const statement = {
    name: 'backlog_history',
    text: `
      select
        date_bin($3::double precision * interval '1 ms', sampled_at, 'epoch') as at, modality,
        max(waiting) as waiting, max(overdue) as overdue, max(oldest_ms) as oldest_ms,
        sum(arrived) * 1000.0::float8 / nullif(sum(since_ms), 0) as arrived_per_second,
        sum(completed) * 1000.0::float8 / nullif(sum(since_ms), 0) as completed_per_second,
        max(expected_lag_ms) as expected_lag_ms, min(minutes_to_breach) as minutes_to_breach
      from backlog_sample
      where tenant = $1 and sampled_at > now() - $2::double precision * interval '1 ms'
      group by 1, 2
      order by 1, 2`,
  };
  return run<BacklogStretch>(db, statement, [tenant, windowMs, stretchMs]);
}

export interface QueueStretch {
  readonly at: Date;
  readonly queue: string;
  readonly kind: 'workflow' | 'activity';
  readonly backlog: number;
  readonly oldest_ms: number;
  readonly added_per_second: number;
  readonly dispatched_per_second: number;
}

export async function queueHistory(db: Queryable, windowMs: number, stretchMs: number): Promise<QueueStretch[]> {
  const statement = {
    name: 'queue_history',
    text: `
      select
        date_bin($2::double precision * interval '1 ms', sampled_at, 'epoch') as at, queue, kind,
        max(backlog)::float8 as backlog, max(oldest_ms) as oldest_ms, avg(added_per_second) as added_per_second,
        avg(dispatched_per_second) as dispatched_per_second
      from queue_sample
      where sampled_at > now() - $1::double precision * interval '1 ms' and priority_key = 0
      group by 1, 2, 3
      order by 1, 2, 3`,
  };
  return run<QueueStretch>(db, statement, [windowMs, stretchMs]);
}

export interface PressureChangeRow {
  readonly changed_at: Date;
  readonly from_step: PressureStep;
  readonly to_step: PressureStep;
  readonly cause_tenant: string | null;
  readonly cause_modality: Modality | null;
  readonly cause_minutes: number | null;
}

/** Changes of the step within a window, oldest first: the newest of them, if they are many. */
export async function pressureChanges(db: Queryable, windowMs: number, limit: number): Promise<PressureChangeRow[]> {
  const statement = {
    name: 'pressure_changes',
    text: `
      select * from (
        select changed_at, from_step, to_step, cause_tenant, cause_modality, cause_minutes
        from pressure_change
        where changed_at > now() - $1::double precision * interval '1 ms'
        order by changed_at desc
        limit $2
      ) as newest
      order by changed_at`,
  };
  return run<PressureChangeRow>(db, statement, [windowMs, limit]);
}
