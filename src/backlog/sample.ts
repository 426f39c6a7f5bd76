import type { Client } from '@temporalio/client';
import {
  keepBacklogSamples,
  keepQueueSamples,
  measureBacklog,
  pruneBacklogSamples,
  pruneQueueSamples,
  recentSamples,
  type BacklogPointRow,
  type BacklogSample,
  type MeasuredRow,
} from '../db/backlog.ts';
import type { Database } from '../db/pools.ts';
import { claimSample, decidePressure, findPressure, type PressureRow } from '../db/pressure.ts';
import { listTenants } from '../db/subjects.ts';
import type { DialReader } from '../dial-reader.ts';
import {
  forecast,
  longestWindowOf,
  windowOf,
  type BacklogPoint,
  type Forecast,
  type ForecastRules,
} from '../domain/forecast.ts';
import { MODALITIES, type Modality } from '../domain/interaction.ts';
import { nextPressure, withoutLeaving, type Foretold, type Pressure } from '../domain/pressure.ts';
import { freshnessBudgets } from '../freshness-budgets.ts';
import { errorForLog, type Logger } from '../observe/log.ts';
import { taskQueueStats } from '../temporal/task-queue-stats.ts';
import { forecastRules, measuringRules, pressureRules } from './rules.ts';

export interface SampleDependencies {
  readonly database: Database;
  readonly dials: Pick<DialReader, 'get'>;
  readonly temporal: Client;
  readonly log: Logger;
}

/** Measures what waits, in one process among any number that do so. */
export class BacklogSampler {
  readonly #deps: SampleDependencies;
  #queues: Promise<void> | undefined;
  /** Since when some tenant could not be measured; undefined while all can. */
  #partialSince: number | undefined;

  constructor(deps: SampleDependencies) {
    this.#deps = deps;
  }

  /**
   * Measures everything once, unless another process has: task queues, the rows of each tenant that wait, what they
   * foretell, and the step that follows from it. A tenant that cannot be measured keeps nobody else from it. Answers
   * whether it did.
   */
  async sample(): Promise<boolean> {
    const { database, dials, log } = this.#deps;
    const sampledAt = await claimSample(database.deployment, dials.get('backlog.sample_interval_ms'));
    if (sampledAt === undefined) return false;
    this.#sampleQueues(sampledAt);
    const foretold: Foretold[] = [];
    let someFailed = false;
    for (const tenant of await listTenants(database.deployment)) {
      try {
        foretold.push(...(await sampleTenant(this.#deps, tenant)));
      } catch (error) {
        someFailed = true;
        log.warn({ tenant, ...errorForLog(error) }, 'what waits of a tenant was not measured');
      }
    }
    await decide(this.#deps, foretold, this.#isPartial(someFailed));
    return true;
  }

  /** What is not known of one tenant gives no reason to leave a step, for as long as an old step counts. */
  #isPartial(someFailed: boolean): boolean {
    if (!someFailed) this.#partialSince = undefined;
    else this.#partialSince ??= performance.now();
    const maxAgeMs = this.#deps.dials.get('pressure.stale_after_ms');
    return this.#partialSince !== undefined && performance.now() - this.#partialSince < maxAgeMs;
  }

  /** Waits for what is under way. */
  async settled(): Promise<void> {
    await this.#queues;
  }

  /** Temporal may be slow or away: rows, which are the truth, are measured meanwhile. */
  #sampleQueues(sampledAt: Date): void {
    const { log } = this.#deps;
    this.#queues ??= sampleQueues(this.#deps, sampledAt)
      .catch((error: unknown) => log.warn(errorForLog(error), 'task queues were not measured'))
      .finally(() => (this.#queues = undefined));
  }
}

async function sampleQueues({ database, dials, temporal }: SampleDependencies, sampledAt: Date): Promise<void> {
  const stats = await taskQueueStats(temporal);
  const samples = stats.map((each) => ({
    sampled_at: sampledAt,
    queue: each.queue,
    kind: each.kind,
    priority_key: each.priorityKey,
    backlog: each.backlog,
    oldest_ms: each.oldestMs,
    added_per_second: each.addedPerSecond,
    dispatched_per_second: each.dispatchedPerSecond,
  }));
  await keepQueueSamples(database.deployment, samples);
  await pruneQueueSamples(database.deployment, dials.get('backlog.keep_hours'), dials.get('backlog.prune_rows'));
}

async function sampleTenant({ database, dials }: SampleDependencies, tenant: string): Promise<Foretold[]> {
  const { app } = database.forTenant(tenant);
  const budgets = freshnessBudgets(dials);
  const intervalMs = dials.get('backlog.sample_interval_ms');
  const windows = Object.fromEntries(
    MODALITIES.map((modality) => [modality, longestWindowOf(forecastRules(dials, budgets[modality]), intervalMs)]),
  ) as Record<Modality, number>;
  const before = await recentSamples(app, tenant, windows);
  const last = before.at(-1)?.sampled_at ?? new Date();
  const measured = await measureBacklog(app, tenant, budgets, measuringRules(dials), last);
  const foretellings = measured.map((row) =>
    foretell(
      before.filter(({ modality }) => modality === row.modality),
      row,
      forecastRules(dials, budgets[row.modality]),
      intervalMs,
    ),
  );
  const samples = foretellings.map(({ sample }) => sample);
  await keepBacklogSamples(app, tenant, samples);
  await pruneBacklogSamples(app, tenant, dials.get('backlog.keep_hours'), dials.get('backlog.prune_rows'));
  return foretellings.flatMap(({ sample, seen }) => foretoldOf(tenant, sample, seen));
}

/** A sample of one modality, with what it and those before it foretell. */
function foretell(
  before: readonly BacklogPointRow[],
  measured: MeasuredRow,
  rules: ForecastRules,
  intervalMs: number,
): { sample: BacklogSample; seen: Forecast } {
  const { measured_at: sampledAt, oldest_moving_ms: oldestMs, arrived, parked, ...counts } = measured;
  const last = before.at(-1);
  const elapsedMs = last === undefined ? null : sampledAt.getTime() - last.sampled_at.getTime();
  // What came and went in longer than a window says nothing of now. A machine that is too busy takes fewer samples.
  const known = elapsedMs !== null && elapsedMs > 0 && elapsedMs < windowOf(rules, intervalMs);
  // What was there and what came, less what waits for a paused source and what is left, is what went: no index of what is
  // done with has to be kept.
  const completed = known
    ? Math.max(0, last!.waiting - last!.late + arrived - parked - (counts.waiting - counts.late))
    : null;
  const since = { arrived: known ? arrived : null, completed, since_ms: known ? elapsedMs : null };
  const points = [...before.map(pointOf), pointOf({ ...counts, ...since, sampled_at: sampledAt })];
  const seen = forecast(points, { oldestMs, overdue: counts.overdue }, rules, intervalMs);
  const sample = {
    ...counts,
    ...since,
    sampled_at: sampledAt,
    budget_ms: rules.budgetMs,
    arrived_per_second: seen.arrivedPerSecond,
    completed_per_second: seen.completedPerSecond,
    growth_per_second: seen.growthPerSecond,
    expected_lag_ms: seen.expectedLagMs,
    minutes_to_breach: seen.minutesToBreach,
  };
  return { sample, seen };
}

function pointOf(row: BacklogPointRow): BacklogPoint {
  return {
    at: row.sampled_at.getTime(),
    waiting: row.waiting - row.late - row.stuck,
    arrived: row.arrived,
    completed: row.completed,
    sinceMs: row.since_ms,
  };
}

/**
 * What would have a step taken. Where something waits and nothing at all is completed, models or workers are away: a fault,
 * which health tells of, and which no refusal would mend. Records that were accepted are safe meanwhile.
 */
function foretoldOf(tenant: string, sample: BacklogSample, seen: Forecast): Foretold[] {
  const { modality, minutes_to_breach: minutes, completed_per_second: completed } = sample;
  if (completed === null || completed === 0) return [];
  return [{ ...seen, tenant, modality, minutes }];
}

async function decide(
  { database, dials, log }: SampleDependencies,
  foretold: readonly Foretold[],
  partial: boolean,
): Promise<void> {
  const before = pressureOf(await findPressure(database.deployment));
  const next = nextPressure(before, foretold, pressureRules(dials), Date.now());
  const after = partial ? withoutLeaving(before, next) : next;
  await decidePressure(database.deployment, before, after);
  if (after.step === before.step) return;
  const { tenant, modality, minutes } = after.cause ?? {};
  log.warn({ step: after.step, tenant, modality, minutes }, 'the step against too much to do changed');
}

function pressureOf(row: PressureRow): Pressure {
  const { step, since, cause_tenant: tenant, cause_modality: modality, cause_minutes: minutes } = row;
  return {
    step,
    since: since.getTime(),
    cause: tenant === null || modality === null || minutes === null ? null : { tenant, modality, minutes },
    calmSince: row.calm_since?.getTime() ?? null,
    overloads: row.overloads,
  };
}
