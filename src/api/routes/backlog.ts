import { z } from 'zod';
import type { BacklogSample, QueueSample } from '../../db/backlog.ts';
import {
  backlogHistory,
  latestBacklog,
  latestQueues,
  pressureChanges,
  queueHistory,
  type PressureChangeRow,
} from '../../db/backlog-history.ts';
import { findPressure, type PressureRow } from '../../db/pressure.ts';
import { capacityNeeded, drainSeconds } from '../../domain/forecast.ts';
import { MODALITIES } from '../../domain/interaction.ts';
import { PRESSURE_STEPS } from '../../domain/pressure.ts';
import { DEPLOYMENT_TENANT } from '../../domain/tenant.ts';
import type { ApiDependencies } from '../dependencies.ts';
import { progressEvents, watchProgress } from '../event-stream.ts';
import { route } from '../route.ts';
import { modality, time } from '../schemas.ts';
import { pointsAsked, stretchMsOf, windowAsked, windowMsOf } from '../window.ts';

const perSecond = z.number().nullable();
const step = z.enum(PRESSURE_STEPS);

const cause = z
  .object({
    modality,
    minutesToBreach: z.number(),
    /** Whose records: of other tenants no more is told than that it was none of yours. */
    own: z.boolean(),
  })
  .nullable();

const pressure = z
  .object({
    step,
    decided: step,
    since: time,
    decidedAt: time.nullable(),
    calmSince: time.nullable(),
    cause,
    /** Modalities whose overload lasts: of these alone live records are refused at the last step. */
    overloaded: z.array(modality),
  })
  .openapi('Pressure');

const queueFigures = z.object({
  backlog: z.int(),
  oldestMs: z.number(),
  addedPerSecond: z.number(),
  dispatchedPerSecond: z.number(),
});
const queue = queueFigures
  .extend({
    queue: z.string(),
    kind: z.enum(['workflow', 'activity']),
    byPriority: z.array(queueFigures.extend({ priorityKey: z.int() })),
  })
  .openapi('TaskQueueBacklog');

const ofModality = z
  .object({
    modality,
    waiting: z.int(),
    stages: z.object({ accepted: z.int(), recognising: z.int(), indexing: z.int() }),
    late: z.int(),
    stuck: z.int(),
    overdue: z.int(),
    oldestMs: z.number().nullable(),
    budgetMs: z.number(),
    arrivedPerSecond: perSecond,
    completedPerSecond: perSecond,
    growthPerSecond: z.number(),
    expectedLagMs: z.number().nullable(),
    minutesToBreach: z.number().nullable(),
    drainSeconds: z.number().nullable(),
    capacityNeeded: z.number().nullable(),
    typical: z.object({
      pickUpMs: z.number().nullable(),
      textMs: z.number().nullable(),
      totalMs: z.number().nullable(),
    }),
  })
  .openapi('ModalityBacklog');

const now = {
  sampledAt: time.nullable(),
  pressure,
  /** Told to the deployment's own tenant alone. */
  queues: z.array(queue),
  modalities: z.array(ofModality),
};

const history = z.object({
  stretchMs: z.number(),
  modalities: z.array(
    z.object({
      at: time,
      modality,
      waiting: z.int(),
      overdue: z.int(),
      oldestMs: z.number().nullable(),
      arrivedPerSecond: perSecond,
      completedPerSecond: perSecond,
      expectedLagMs: z.number().nullable(),
      minutesToBreach: z.number().nullable(),
    }),
  ),
  queues: z.array(queueFigures.extend({ at: time, queue: z.string(), kind: z.string() })),
  pressure: z.array(z.object({ at: time, from: step, to: step, cause })),
});

/** Points of a chart's line, at the most, unless more are asked for. */
const POINTS = 300;
const MAX_CHANGES = 1_000;

export const getBacklog = route({
  method: 'get',
  path: '/v1/backlog',
  scope: 'operator',
  summary: 'See what waits, when it will be too much, what is done about it, and how that came',
  query: z.object({
    window: windowAsked('15m'),
    points: pointsAsked(POINTS),
  }),
  status: 200,
  answer: z.object({ ...now, window: z.string(), history }),
  handle: async ({ deps, caller: { tenant }, query }) => {
    const window = String(query['window']);
    const windowMs = windowMsOf(window);
    const stretchMs = stretchMsOf(windowMs, Number(query['points']), deps.dials.get('backlog.sample_interval_ms'));
    const { reader } = deps.database.forTenant(tenant);
    const [current, modalities, queues, changes] = await Promise.all([
      look(deps, tenant),
      backlogHistory(reader, tenant, windowMs, stretchMs),
      seesQueues(tenant) ? queueHistory(reader, windowMs, stretchMs) : [],
      pressureChanges(reader, windowMs, MAX_CHANGES),
    ]);
    return {
      ...current,
      window,
      history: {
        stretchMs,
        modalities: modalities.map((row) => ({
          at: row.at,
          modality: row.modality,
          waiting: row.waiting,
          overdue: row.overdue,
          oldestMs: row.oldest_ms,
          arrivedPerSecond: row.arrived_per_second,
          completedPerSecond: row.completed_per_second,
          expectedLagMs: row.expected_lag_ms,
          minutesToBreach: row.minutes_to_breach,
        })),
        queues: queues.map((row) => ({ at: row.at, queue: row.queue, kind: row.kind, ...figuresOf(row) })),
        pressure: changes.map((row) => ({
          at: row.changed_at,
          from: row.from_step,
          to: row.to_step,
          cause: causeOf(row, tenant),
        })),
      },
    };
  },
});

export const getBacklogProgress = route({
  method: 'get',
  path: '/v1/backlog/progress',
  scope: 'operator',
  summary: 'Watch what waits: an event for each sample, until the client hangs up',
  status: 200,
  answer: progressEvents(z.object(now)),
  handle: async ({ deps, caller: { tenant } }) => {
    const progress = async () => ({ data: await look(deps, tenant), final: false });
    return watchProgress(deps, await progress(), progress);
  },
});

/** All tenants share the task queues: how full these are tells what the others do. */
function seesQueues(tenant: string): boolean {
  return tenant === DEPLOYMENT_TENANT;
}

/** How it stands by the newest samples; without any that are fresh, only what step is taken. */
async function look({ database, dials, pressure: source }: ApiDependencies, tenant: string) {
  const { reader } = database.forTenant(tenant);
  const maxAgeMs = dials.get('pressure.stale_after_ms');
  const [samples, queues, decided] = await Promise.all([
    latestBacklog(reader, tenant, maxAgeMs),
    seesQueues(tenant) ? latestQueues(reader, maxAgeMs) : [],
    findPressure(reader),
  ]);
  return {
    sampledAt: samples[0]?.sampled_at ?? null,
    pressure: {
      step: source.step(),
      ...describePressure(decided, tenant),
      overloaded: MODALITIES.filter((each) => source.overloaded(each)),
    },
    queues: queues.filter(({ priority_key: key }) => key === 0).map((row) => describeQueue(row, queues)),
    modalities: samples.map(describeModality),
  };
}

function describePressure(row: PressureRow, tenant: string) {
  return {
    decided: row.step,
    since: row.since,
    decidedAt: row.decided_at,
    calmSince: row.calm_since,
    cause: causeOf(row, tenant),
  };
}

function causeOf(row: Pick<PressureChangeRow, 'cause_tenant' | 'cause_modality' | 'cause_minutes'>, tenant: string) {
  const { cause_tenant: whose, cause_modality: of, cause_minutes: minutes } = row;
  return of === null || minutes === null ? null : { modality: of, minutesToBreach: minutes, own: whose === tenant };
}

function describeQueue(row: QueueSample, all: readonly QueueSample[]) {
  const same = all.filter(({ queue: name, kind, priority_key: key }) => {
    return name === row.queue && kind === row.kind && key !== 0;
  });
  return {
    queue: row.queue,
    kind: row.kind,
    ...figuresOf(row),
    byPriority: same.map((each) => ({ priorityKey: each.priority_key, ...figuresOf(each) })),
  };
}

function figuresOf(
  row: Pick<QueueSample, 'backlog' | 'oldest_ms' | 'added_per_second' | 'dispatched_per_second'>,
): z.output<typeof queueFigures> {
  return {
    backlog: row.backlog,
    oldestMs: row.oldest_ms,
    addedPerSecond: row.added_per_second,
    dispatchedPerSecond: row.dispatched_per_second,
  };
}

function describeModality(row: BacklogSample): z.output<typeof ofModality> {
  const { accepted, recognising, indexing } = row;
  return {
    modality: row.modality,
    waiting: row.waiting,
    stages: { accepted, recognising, indexing },
    late: row.late,
    stuck: row.stuck,
    overdue: row.overdue,
    oldestMs: row.oldest_ms,
    budgetMs: row.budget_ms,
    arrivedPerSecond: row.arrived_per_second,
    completedPerSecond: row.completed_per_second,
    growthPerSecond: row.growth_per_second,
    expectedLagMs: row.expected_lag_ms,
    minutesToBreach: row.minutes_to_breach,
    drainSeconds: drainSeconds(row.waiting - row.late - row.stuck, row.growth_per_second),
    capacityNeeded: capacityNeeded(row.arrived_per_second, row.completed_per_second),
    typical: { pickUpMs: row.typical_pick_up_ms, textMs: row.typical_text_ms, totalMs: row.typical_total_ms },
  };
}
