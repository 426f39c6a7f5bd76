import { z } from 'zod';
import { judgeBudgets } from '../../budgets.ts';
import { freshnessBudgets } from '../../freshness-budgets.ts';
import { listDials, setDial } from '../../db/dials.ts';
import { listTenantQuotas } from '../../db/tenant-quotas.ts';
import {
  findInteractions,
  freshnessWithin,
  type AskedInteractionRow,
  type FreshnessRow,
  type InteractionRow,
} from '../../db/records.ts';
import { standingStages } from '../../db/standing-stages.ts';
import type { TombstoneRow } from '../../db/tombstones.ts';
import { DIALS, DIAL_NAMES, isDialName } from '../../domain/dials.ts';
import { EarshotError, invalidField } from '../../domain/errors.ts';
import { DEPLOYMENT_TENANT } from '../../domain/tenant.ts';
import { stampsOf } from '../../db/stamps.ts';
import { stageTimes as stagesOf } from '../../domain/freshness.ts';
import type { BudgetVerdict } from '../../domain/stage-budget.ts';
import { latenessOf } from '../../domain/late.ts';
import { route } from '../route.ts';
import { modality, stageTimes, state, time, uuid } from '../schemas.ts';
import { windowAsked, windowMsOf } from '../window.ts';

/** A record as one learns of it by its id. */
export const interactionAnswer = z.object({
  interactionId: uuid,
  modality,
  workflowId: z.string().nullable(),
  state,
  reason: z.string().nullable(),
  degraded: z.array(z.string()),
  waitsFor: z.string().nullable(),
  stamps: z.record(z.string(), time.nullable()),
  late: z.boolean(),
  lateByMs: z.number().nullable(),
  freshness: stageTimes,
  modelMs: z.number(),
  artifacts: z.array(z.looseObject({ artifactId: uuid, kind: z.string(), state: z.string() })),
});

export const getInteraction = route({
  method: 'get',
  path: '/v1/interactions/{interactionId}',
  scope: 'copilot',
  summary: 'See where a record stands, and what was made of it',
  params: z.object({ interactionId: uuid }),
  status: 200,
  answer: interactionAnswer,
  handle: async ({ deps, caller: { tenant }, params: { interactionId } }) => {
    const { reader } = deps.database.forTenant(tenant);
    const [row] = await findInteractions(reader, tenant, [interactionId], deps.indexVersions.live().index_version);
    const told = row === undefined ? undefined : describeInteraction(row, deps.dials.get('late.after_ms'));
    if (told === undefined) throw new EarshotError('not_found', 'there is no such interaction');
    return told;
  },
});

/** Undefined for an id that names nothing. */
export function describeInteraction(
  { asked_id: interactionId, record, tombstone }: AskedInteractionRow,
  lateAfterMs: number,
): ToldInteraction | undefined {
  if (record !== null) return describeRecord(record, lateAfterMs);
  return tombstone === null ? undefined : describeErased(interactionId, tombstone);
}

type ToldInteraction = ReturnType<typeof describeRecord> | ReturnType<typeof describeErased>;

function describeRecord(row: InteractionRow, lateAfterMs: number) {
  const stamps = stampsOf(row);
  return {
    interactionId: row.interaction_id,
    modality: row.modality,
    workflowId: row.workflow_id,
    state: row.state,
    reason: row.reason,
    degraded: row.degraded,
    waitsFor: row.waits_for,
    stamps,
    ...latenessOf(row.captured_at, row.accepted_at, lateAfterMs),
    freshness: stagesOf(stamps),
    modelMs: row.artifacts.reduce((sum, { modelMs }) => sum + modelMs, 0),
    artifacts: row.artifacts,
  };
}

/** What is left of an erased record: that it was. */
function describeErased(interactionId: string, tombstone: TombstoneRow) {
  return {
    interactionId,
    modality: tombstone.modality,
    workflowId: null,
    state: 'erased' as const,
    reason: `erasure ${tombstone.erasure_id}`,
    degraded: [],
    waitsFor: null,
    stamps: { erasedAt: tombstone.erased_at },
    late: false,
    lateByMs: null,
    freshness: { ingestMs: null, streamMs: null, transformMs: null, indexMs: null, totalMs: null },
    modelMs: 0,
    artifacts: [],
  };
}

const percentiles = z.object({ p50: z.number(), p95: z.number(), p99: z.number() }).nullable();

export const getFreshness = route({
  method: 'get',
  path: '/v1/freshness',
  scope: 'operator',
  summary: 'See how fresh the memory is, by modality and stage, against its budget',
  query: z.object({ window: windowAsked('1h') }),
  status: 200,
  answer: z.object({
    window: z.string(),
    modalities: z.array(
      z.object({
        modality,
        count: z.int(),
        waiting: z.int(),
        late: z.object({ count: z.int(), ingest: percentiles }),
        oldestWaitingMs: z.number().nullable(),
        budgetMs: z.number(),
        withinBudget: z.boolean().nullable(),
        status: z.enum(['green', 'red']),
        /** Stages that are over their own budget, and `total`. */
        overBudget: z.array(z.string()),
        stageBudgetsMs: z.record(z.string(), z.number()),
        stages: z.object({ ingest: percentiles, stream: percentiles, transform: percentiles, index: percentiles }),
        total: percentiles,
        text: percentiles,
      }),
    ),
    skewMs: z.number().nullable(),
  }),
  handle: async ({ deps, caller: { tenant }, query }) => {
    const window = String(query['window']);
    const { reader } = deps.database.forTenant(tenant);
    const [rows, standing] = await Promise.all([
      freshnessWithin(reader, tenant, windowMsOf(window), deps.dials.get('late.after_ms')),
      standingStages(reader, tenant),
    ]);
    const budgets = freshnessBudgets(deps.dials);
    const verdicts = judgeBudgets(deps.dials, rows, standing);
    const medians = rows.flatMap(({ total }) => total?.[0] ?? []);
    return {
      window,
      modalities: rows.map((row) => ({
        ...describeFreshness(row, budgets[row.modality]),
        ...describeVerdict(verdicts.find(({ modality }) => modality === row.modality)!),
      })),
      // How far apart the modalities are: the slowest median less the fastest.
      skewMs: medians.length < 2 ? null : Math.max(...medians) - Math.min(...medians),
    };
  },
});

function describeVerdict({ status, overBudget, stages }: BudgetVerdict) {
  const stageBudgetsMs = Object.fromEntries(stages.map(({ stage, budgetMs }) => [stage, budgetMs]));
  return { status, overBudget, stageBudgetsMs };
}

function describeFreshness(row: FreshnessRow, budgetMs: number) {
  const named = (values: readonly [number, number, number] | null) =>
    values === null ? null : { p50: values[0], p95: values[1], p99: values[2] };
  return {
    modality: row.modality,
    count: row.count,
    waiting: row.waiting,
    late: { count: row.late, ingest: named(row.late_ingest) },
    oldestWaitingMs: row.oldest_waiting_ms,
    budgetMs,
    withinBudget: row.total === null ? null : row.total[2] <= budgetMs,
    stages: {
      ingest: named(row.ingest),
      stream: named(row.stream),
      transform: named(row.transform),
      index: named(row.index),
    },
    total: named(row.total),
    text: named(row.text),
  };
}

const dial = z
  .object({
    name: z.string(),
    value: z.number(),
    defaultValue: z.number(),
    min: z.number(),
    max: z.number(),
    reason: z.string(),
    changedAt: time.nullable(),
    /** Tenants for which another value holds: of all for the deployment's own operator, else the caller's. */
    overrides: z.array(z.object({ tenant: z.string(), value: z.number(), changedAt: time })),
  })
  .openapi('Dial');

export const getDials = route({
  method: 'get',
  path: '/v1/dials',
  scope: 'operator',
  summary: 'List the tuned constants',
  status: 200,
  answer: z.object({ dials: z.array(dial) }),
  handle: async ({ deps, caller: { tenant } }) => {
    const { deployment } = deps.database;
    const [all, quotas] = await Promise.all([
      listDials(deployment),
      listTenantQuotas(tenant === DEPLOYMENT_TENANT ? deployment : deps.database.forTenant(tenant).reader),
    ]);
    const moved = new Map(all.map((row) => [row.name, row]));
    const dials = DIAL_NAMES.map((name) => ({
      name,
      ...DIALS[name],
      value: moved.get(name)?.value ?? DIALS[name].defaultValue,
      changedAt: moved.get(name)?.changed_at ?? null,
      overrides: quotas
        .filter((row) => row.name === name)
        .map((row) => ({ tenant: row.tenant, value: row.value, changedAt: row.changed_at })),
    }));
    return { dials };
  },
});

export const putDial = route({
  method: 'put',
  path: '/v1/dials/{name}',
  scope: 'operator',
  deployment: true,
  summary: 'Move a tuned constant; in force everywhere within seconds, and recorded',
  params: z.object({ name: z.string() }),
  body: z.strictObject({ value: z.number() }),
  status: 200,
  answer: z.object({ name: z.string(), value: z.number() }),
  handle: async ({ deps, caller, params: { name }, body: { value } }) => {
    if (!isDialName(name)) throw new EarshotError('not_found', 'there is no dial of this name');
    const { min, max } = DIALS[name];
    if (value < min || value > max) throw invalidField('value', `must be between ${min} and ${max}`);
    await setDial(deps.database.deployment, name, value, caller.keyName);
    await deps.dials.refresh();
    return { name, value };
  },
});
