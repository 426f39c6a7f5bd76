import type { Modality } from '../domain/interaction.ts';
import { run, type Queryable } from './pools.ts';

/** What a forecast is made from. */
export interface BacklogPointRow {
  readonly modality: Modality;
  readonly sampled_at: Date;
  readonly waiting: number;
  readonly late: number;
  readonly stuck: number;
  readonly arrived: number | null;
  readonly completed: number | null;
  readonly since_ms: number | null;
}

/** Samples of each modality that are at most so old, oldest first; `windows` are milliseconds by modality. */
export async function recentSamples(
  db: Queryable,
  tenant: string,
  windows: Readonly<Record<Modality, number>>,
): Promise<BacklogPointRow[]> {
  const statement = {
    name: 'recent_samples',
    text: `
      select modality, sampled_at, waiting, late, stuck, arrived, completed, since_ms
      from backlog_sample
      where tenant = $1
        and sampled_at > now() - $3::double precision * interval '1 ms'
        and sampled_at > now() - ($2::jsonb ->> modality)::double precision * interval '1 ms'
      order by sampled_at`,
  };
  const longest = Math.max(...Object.values(windows));
  return run<BacklogPointRow>(db, statement, [tenant, JSON.stringify(windows), longest]);
}

/** What waits of a modality at this moment. */
export interface MeasuredRow {
  readonly modality: Modality;
  readonly measured_at: Date;
  readonly waiting: number;
  /** Of these: they came late, and have no budget. */
  readonly late: number;
  readonly accepted: number;
  readonly recognising: number;
  readonly indexing: number;
  readonly stuck: number;
  readonly overdue: number;
  /** Of the oldest that did not come late; and that is not stuck either. */
  readonly oldest_ms: number | null;
  readonly oldest_moving_ms: number | null;
  readonly arrived: number;
  /** Of those that were there before: they wait for a paused source since, and were not completed. */
  readonly parked: number;
  readonly typical_pick_up_ms: number | null;
  readonly typical_text_ms: number | null;
  readonly typical_total_ms: number | null;
}

/** A record that its channel held for long, history for one, has no budget: the dial `late.after_ms`, as `$5`. */
const CAME_LATE = "accepted_at - captured_at > $5::double precision * interval '1 ms'";

/**
 * Nor has one of the lane of history, which is held under pressure and must not make the breach that holds the pressure.
 * Not a join: hardly a record that was not held for long is one, and each is looked up by its key.
 */
const HAS_NO_BUDGET = `(${CAME_LATE} or coalesce((
  select in_lane from session s where s.tenant = freshness.tenant and s.session_id = freshness.session_id), false))`;

/** Nor has one that has waited for a paused source: it is late because of the pause, and no load of now. */
const LATE = `(parked_at is not null or ${HAS_NO_BUDGET})`;

/** Newest records of which the typical times are taken, those that wait among them. */
const RECENT_RECORDS = 500;

/**
 * Measures what waits by the index of what waits, and what came since by the index of acceptance: rows that are done
 * with are not read, but for the newest few, however many there are.
 *
 * @param budgets milliseconds by modality.
 * @param rules after how many budgets a record is stuck, and how long after its capture it came late.
 * @param since what came after this is counted as arrived.
 */
export async function measureBacklog(
  db: Queryable,
  tenant: string,
  budgets: Readonly<Record<Modality, number>>,
  rules: { stuckBudgets: number; lateAfterMs: number },
  since: Date,
): Promise<MeasuredRow[]> {
  const statement = {
    name: 'measure_backlog',
    text: `
      with bound as (
        select
          key as modality, now() - value::double precision * interval '1 ms' as overdue_before,
          now() - value::double precision * $3::double precision * interval '1 ms' as stuck_before
        from jsonb_each_text($2::jsonb)
      ), waits as (
        select
          modality, count(*) as waiting, count(*) filter (where late) as late,
          count(*) filter (where state = 'accepted') as accepted,
          count(*) filter (where state = 'processing' and text_reachable_at is null) as recognising,
          count(*) filter (where state = 'processing' and text_reachable_at is not null) as indexing,
          count(*) filter (where not late and accepted_at < stuck_before) as stuck,
          count(*) filter (where not late and accepted_at >= stuck_before and accepted_at < overdue_before) as overdue,
          extract(epoch from now() - min(accepted_at) filter (where not late))::double precision * 1000 as oldest_ms,
          extract(epoch from now() - min(accepted_at) filter (where not late and accepted_at >= stuck_before))::double precision
            * 1000 as oldest_moving_ms
        from (
          select modality, state, accepted_at, text_reachable_at, ${LATE} as late
          from freshness
          where tenant = $1 and state in ('accepted', 'processing')
            -- What waits for a paused source is no load that a step could take away.
            and waits_for is null
        ) as each
        join bound using (modality)
        group by modality
      ), came as (
        select modality, count(*) as arrived
        from freshness
        where tenant = $1 and accepted_at > $4::timestamptz and not ${LATE}
        group by modality
      ), parked as (
        select modality, count(*) as parked
        from freshness
        where tenant = $1 and parked_at > $4::timestamptz and accepted_at <= $4 and not ${HAS_NO_BUDGET}
        group by modality
      ), recent as (
        select
          modality,
          percentile_cont(0.5) within group (order by extract(epoch from picked_up_at - accepted_at)) * 1000 as pick_up_ms,
          percentile_cont(0.5) within group (order by extract(epoch from text_reachable_at - accepted_at)) * 1000 as text_ms,
          percentile_cont(0.5) within group (order by extract(epoch from reachable_at - accepted_at)) * 1000 as total_ms
        from (
          select * from freshness
          where tenant = $1 and accepted_at > now() - interval '6 hours'
          order by accepted_at desc
          limit ${RECENT_RECORDS}
        ) as freshness
        where state = 'reachable' and released_at is null and not ${LATE}
        group by modality
      )
      select
        modality, now() as measured_at, coalesce(waiting, 0)::integer as waiting, coalesce(late, 0)::integer as late,
        coalesce(accepted, 0)::integer as accepted, coalesce(recognising, 0)::integer as recognising,
        coalesce(indexing, 0)::integer as indexing, coalesce(stuck, 0)::integer as stuck,
        coalesce(overdue, 0)::integer as overdue, oldest_ms, oldest_moving_ms, coalesce(arrived, 0)::integer as arrived,
        coalesce(parked, 0)::integer as parked,
        pick_up_ms as typical_pick_up_ms, text_ms as typical_text_ms, total_ms as typical_total_ms
      from unnest(array['chat', 'audio', 'screenshot']) as asked (modality)
      left join waits using (modality)
      left join came using (modality) left join parked using (modality)
      left join recent using (modality)`,
  };
  return run<MeasuredRow>(db, statement, [
    tenant,
    JSON.stringify(budgets),
    rules.stuckBudgets,
    since,
    rules.lateAfterMs,
  ]);
}

/** One sample of one modality. */
export interface BacklogSample extends Omit<MeasuredRow, 'oldest_moving_ms' | 'arrived' | 'parked' | 'measured_at'> {
  readonly sampled_at: Date;
  readonly arrived: number | null;
  readonly completed: number | null;
  readonly since_ms: number | null;
  readonly budget_ms: number;
  readonly arrived_per_second: number | null;
  readonly completed_per_second: number | null;
  readonly growth_per_second: number;
  readonly expected_lag_ms: number | null;
  readonly minutes_to_breach: number | null;
}

export async function keepBacklogSamples(
  db: Queryable,
  tenant: string,
  samples: readonly BacklogSample[],
): Promise<void> {
  const statement = {
    name: 'keep_backlog_samples',
    text: `
      insert into backlog_sample
      select * from jsonb_populate_recordset(null::backlog_sample, $2::jsonb)
      where tenant = $1
      on conflict do nothing`,
  };
  await run(db, statement, [tenant, JSON.stringify(samples.map((sample) => ({ ...sample, tenant })))]);
}

/** One sample of one task queue. */
export interface QueueSample {
  readonly sampled_at: Date;
  readonly queue: string;
  readonly kind: 'workflow' | 'activity';
  /** 0: of tasks of all priorities. */
  readonly priority_key: number;
  readonly backlog: number;
  readonly oldest_ms: number;
  readonly added_per_second: number;
  readonly dispatched_per_second: number;
}

export async function keepQueueSamples(db: Queryable, samples: readonly QueueSample[]): Promise<void> {
  const statement = {
    name: 'keep_queue_samples',
    text: `
      insert into queue_sample
      select * from jsonb_populate_recordset(null::queue_sample, $1::jsonb)
      on conflict do nothing`,
  };
  await run(db, statement, [JSON.stringify(samples)]);
}

/** Deletes a few of the tenant's oldest samples, if they are older than so many hours. */
export async function pruneBacklogSamples(db: Queryable, tenant: string, hours: number, rows: number): Promise<void> {
  const statement = {
    name: 'prune_backlog_samples',
    text: `
      delete from backlog_sample
      where tenant = $1 and sampled_at <= (
        select max(sampled_at) from (
          select sampled_at from backlog_sample
          where tenant = $1 and sampled_at < now() - $2::double precision * interval '1 hour'
          order by sampled_at
          limit $3
        ) as oldest)`,
  };
  await run(db, statement, [tenant, hours, rows]);
}

/** The same of task queues, and of changes of the step. */
export async function pruneQueueSamples(db: Queryable, hours: number, rows: number): Promise<void> {
  const statement = {
    name: 'prune_queue_samples',
    text: `
      with changes as (
        delete from pressure_change where changed_at < now() - $1::double precision * interval '1 hour'
      )
      delete from queue_sample
      where sampled_at <= (
        select max(sampled_at) from (
          select sampled_at from queue_sample
          where sampled_at < now() - $1::double precision * interval '1 hour'
          order by sampled_at
          limit $2
        ) as oldest)`,
  };
  await run(db, statement, [hours, rows]);
}
