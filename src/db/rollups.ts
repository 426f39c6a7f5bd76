import type { Modality } from '../domain/interaction.ts';
import { NO_COUNTS, type RollupCounts, type RollupWindow } from '../domain/rollup.ts';
import { only, run, type Queryable } from './pools.ts';
import { ofRealCustomers } from './real-customers.ts';

/** A window by its name: a modality and an hour of event time. */
export interface WindowKey {
  readonly tenant: string;
  readonly modality: Modality;
  readonly hour: Date;
}

/** A statement that accepts a record commits within this of its stamp: marks overlap by as much. */
const COMMITS_WITHIN = `interval '1 minute'`;

/**
 * Looks at what was accepted since the last look and marks the hours that it belongs to. Hours older than `keepAfter`
 * are no longer kept and get no window again.
 */
export async function markArrivals(db: Queryable, tenant: string, keepAfter: Date | null): Promise<void> {
  const statement = {
    name: 'mark_arrivals',
    text: `
      with hours as (
        select distinct f.modality, date_trunc('hour', f.captured_at, 'UTC') as hour
        from freshness f
        where f.tenant = $1 and ${ofRealCustomers('f.customer_key')}
          and f.accepted_at > coalesce($3::timestamptz, '-infinity')
      ), marked as (
        insert into rollup_hour as r (tenant, modality, hour, initial, dirtied_at)
        select $1, hours.modality, hours.hour, $3 is null, clock_timestamp()
        from hours
        where $2::timestamptz is null or hours.hour >= $2
        on conflict (tenant, modality, hour) do update set dirtied_at = excluded.dirtied_at
      )
      insert into rollup_mark (tenant, accepted_until)
      values ($1, now())
      on conflict (tenant) do update set accepted_until = greatest(rollup_mark.accepted_until, excluded.accepted_until)`,
  };
  await run(db, statement, [tenant, keepAfter, await lastMark(db, tenant)]);
}

/**
 * Since when arrivals are to be marked; null before the first time. The statement is given it as a value: else its plan
 * does not know how few follow, and reads all.
 */
async function lastMark(db: Queryable, tenant: string): Promise<string | null> {
  const statement = {
    name: 'last_rollup_mark',
    text: `select (accepted_until - ${COMMITS_WITHIN})::text as since from rollup_mark where tenant = $1`,
  };
  return (await run<{ since: string }>(db, statement, [tenant]))[0]?.since ?? null;
}

/** Marks the hours of records of which something other than their arrival has changed. */
export async function markChanged(db: Queryable, tenant: string, interactionIds: readonly string[]): Promise<void> {
  const statement = {
    name: 'mark_changed_hours',
    text: `
      insert into rollup_hour as r (tenant, modality, hour, dirtied_at)
      select distinct $1, modality, date_trunc('hour', captured_at, 'UTC'), clock_timestamp()
      from interaction
      where tenant = $1 and interaction_id = any($2::uuid[]) and ${ofRealCustomers('customer_key')}
      on conflict (tenant, modality, hour) do update set dirtied_at = excluded.dirtied_at`,
  };
  await run(db, statement, [tenant, interactionIds]);
}

/** A window to compute, as it was read. */
export interface WindowToCompute extends RollupWindow {
  readonly modality: Modality;
  readonly revision: number;
  readonly corrections: number;
  /** Postgres' own text of it, which is finer than a millisecond. */
  readonly dirtiedAt: string | null;
}

/** Windows that are open or for which something arrived, oldest first. */
export async function windowsToCompute(db: Queryable, tenant: string, limit: number): Promise<WindowToCompute[]> {
  const statement = {
    name: 'windows_to_compute',
    text: `
      select
        r.modality, r.hour, r.counts, r.revision, r.computed_at as "computedAt", r.closed_at as "closedAt", r.initial,
        r.dirtied_at::text as "dirtiedAt", made.corrections, made.corrected
      from rollup_hour r
      cross join lateral (${CORRECTED}) as made
      where r.tenant = $1 and (r.dirtied_at is not null or r.closed_at is null)
      order by r.hour, r.modality
      limit $2`,
  };
  const rows = await run<WindowToCompute>(db, statement, [tenant, limit]);
  return rows.map((row) => ({
    ...row,
    counts: { ...NO_COUNTS, ...row.counts },
    corrected: { ...NO_COUNTS, ...row.corrected },
  }));
}

/** The sum of a window's corrections, name by name. */
const CORRECTED = `
  select
    (select count(*)::integer from rollup_correction c
     where c.tenant = r.tenant and c.modality = r.modality and c.hour = r.hour) as corrections,
    coalesce((
      select jsonb_object_agg(name, total)
      from (
        select part.key as name, sum(part.value::numeric) as total
        from rollup_correction c
        cross join jsonb_each_text(c.delta) as part (key, value)
        where c.tenant = r.tenant and c.modality = r.modality and c.hour = r.hour
        group by part.key
      ) as summed
    ), '{}') as corrected`;

/**
 * Counts one hour from the rows themselves. A record is late by the dial as it is now. Words and confidence are of what
 * is served; erased records are not there to be counted.
 */
export async function countWindow(db: Queryable, key: WindowKey, lateAfterMs: number): Promise<RollupCounts> {
  const statement = {
    name: 'count_window',
    text: `
      with record as materialized (
        select i.interaction_id, i.duration_ms, f.state,
          i.accepted_at - i.captured_at > $4::double precision * interval '1 ms' as late
        from interaction i
        join freshness f on f.tenant = $1 and f.interaction_id = i.interaction_id
        where i.tenant = $1 and i.modality = $2 and i.captured_at >= $3::timestamptz
          and i.captured_at < $3::timestamptz + interval '1 hour' and f.state <> 'erased'
          and ${ofRealCustomers('i.customer_key')}
      ), served as (
        select a.artifact_id, a.confidence, (
          select coalesce(sum(regexp_count(c.text, '\\S+')), 0)
          from chunk c
          where c.tenant = $1 and c.artifact_id = a.artifact_id and c.active
        ) as words
        from record
        join artifact a on a.tenant = $1 and a.interaction_id = record.interaction_id and a.state = 'active'
      )
      select
        count(*)::integer as records,
        (count(*) filter (where state = 'reachable'))::integer as reachable,
        (count(*) filter (where state = 'quarantined'))::integer as quarantined,
        (count(*) filter (where state = 'failed'))::integer as failed,
        (count(*) filter (where state in ('accepted', 'processing')))::integer as waiting,
        (count(*) filter (where late))::integer as late,
        coalesce(sum(duration_ms), 0)::float8 as "durationMs",
        (select count(*)::integer from served) as artifacts,
        (select coalesce(sum(words), 0)::float8 from served) as words,
        (select coalesce(round(sum(confidence)::numeric, 6), 0)::float8 from served) as confidence
      from record`,
  };
  return only(await run<RollupCounts>(db, statement, [key.tenant, key.modality, key.hour, lateAfterMs]));
}

export interface ComputedWindow extends WindowKey {
  /** Null where the counts are as they were. */
  readonly counts: RollupCounts | null;
  readonly closed: boolean;
  readonly settled: boolean;
  /** As it was read: a window that another run has written since is left alone. */
  readonly revision: number;
  readonly dirtiedAt: string | null;
}

/** Writes a window. It stays marked while records of it wait, and when something arrived since it was read. */
export async function writeWindow(db: Queryable, window: ComputedWindow): Promise<void> {
  const statement = {
    name: 'write_window',
    text: `
      update rollup_hour set
        counts = coalesce($4::jsonb, counts),
        revision = revision + ($4 is not null)::integer,
        computed_at = case when $4 is null then computed_at else clock_timestamp() end,
        closed_at = case when $5 then coalesce(closed_at, clock_timestamp()) end,
        dirtied_at = case when $6 and dirtied_at is not distinct from $8::timestamptz then null else dirtied_at end
      where tenant = $1 and modality = $2 and hour = $3 and revision = $7`,
  };
  const { tenant, modality, hour, counts, closed, settled, revision, dirtiedAt } = window;
  const written = counts === null ? null : JSON.stringify(counts);
  await run(db, statement, [tenant, modality, hour, written, closed, settled, revision, dirtiedAt]);
}

/** Writes what a closed window lacks, beside it. Made twice from the same state, it is one correction. */
export async function writeCorrection(
  db: Queryable,
  key: WindowKey,
  correction: { readonly number: number; readonly delta: RollupCounts; readonly why: string },
  dirtiedAt: string | null,
): Promise<void> {
  const statement = {
    name: 'write_correction',
    text: `
      with made as (
        insert into rollup_correction (tenant, modality, hour, correction, delta, why)
        values ($1, $2, $3, $4, $5, $6)
        on conflict do nothing
      )
      update rollup_hour set
        closed_at = coalesce(closed_at, clock_timestamp()),
        dirtied_at = case when dirtied_at is not distinct from $7::timestamptz then null else dirtied_at end
      where tenant = $1 and modality = $2 and hour = $3`,
  };
  const { tenant, modality, hour } = key;
  const { number, delta, why } = correction;
  await run(db, statement, [tenant, modality, hour, number, JSON.stringify(delta), why, dirtiedAt]);
}

/** Deletes windows of hours before a time, with their corrections; answers how many. */
export async function deleteWindows(db: Queryable, tenant: string, before: Date): Promise<number> {
  const statement = {
    name: 'delete_windows',
    text: `
      with deleted as (delete from rollup_hour where tenant = $1 and hour < $2 returning 1)
      select count(*)::integer as deleted from deleted`,
  };
  return only(await run<{ deleted: number }>(db, statement, [tenant, before])).deleted;
}

/** A window as it is shown. */
export interface WindowRow {
  readonly modality: Modality;
  readonly hour: Date;
  readonly counts: RollupCounts;
  readonly corrected: RollupCounts;
  readonly revision: number;
  readonly computed_at: Date | null;
  readonly closed_at: Date | null;
  readonly corrections: readonly { number: number; delta: RollupCounts; why: string; madeAt: string }[];
}

/** Windows of a range of event time that have been computed, in its order. */
export async function listWindows(
  reader: Queryable,
  tenant: string,
  range: { readonly from: Date; readonly to: Date; readonly modality: Modality | null },
  limit: number,
): Promise<WindowRow[]> {
  const statement = {
    name: 'list_windows',
    text: `
      select r.modality, r.hour, r.counts, r.revision, r.computed_at, r.closed_at, made.corrected,
        coalesce((
          select jsonb_agg(jsonb_build_object(
            'number', c.correction, 'delta', c.delta, 'why', c.why, 'madeAt', c.made_at) order by c.correction)
          from rollup_correction c
          where c.tenant = r.tenant and c.modality = r.modality and c.hour = r.hour
        ), '[]') as corrections
      from rollup_hour r
      cross join lateral (${CORRECTED}) as made
      where r.tenant = $1 and r.hour >= $2 and r.hour < $3 and ($4::text is null or r.modality = $4)
        and (r.computed_at is not null or r.closed_at is not null)
      order by r.hour, r.modality
      limit $5`,
  };
  const rows = await run<WindowRow>(reader, statement, [tenant, range.from, range.to, range.modality, limit]);
  return rows.map((row) => ({
    ...row,
    counts: { ...NO_COUNTS, ...row.counts },
    corrected: { ...NO_COUNTS, ...row.corrected },
  }));
}
