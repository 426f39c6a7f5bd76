import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { decide, findContent, isReplaced, listHeldBack, type Decision, type HeldBackRow } from '../../db/quarantine.ts';
import { countMoves, findReevaluation, openReevaluation, type ReevaluationRow } from '../../db/reevaluations.ts';
import { EarshotError } from '../../domain/errors.ts';
import { isHeld } from '../../domain/model-source.ts';
import { QUALITY_CHECKS } from '../../domain/quality.ts';
import { leastConfidence } from '../../domain/quality-thresholds.ts';
import { quarantineWorkflowId, reevaluationWorkflowId } from '../../domain/workflows.ts';
import { errorForLog } from '../../observe/log.ts';
import { startDecision, startReevaluation } from '../../temporal/start-quality.ts';
import { nextCursor, pageAsked, pageOf, paging } from '../cursor.ts';
import type { ApiDependencies } from '../dependencies.ts';
import { route, type Caller } from '../route.ts';
import { modality, place, time, uuid } from '../schemas.ts';

const heldBack = z
  .object({
    artifactId: uuid,
    interactionId: uuid,
    modality,
    kind: z.string(),
    piece: z.int(),
    state: z.string(),
    check: z.string().nullable(),
    confidence: z.number(),
    model: z.string(),
    capturedAt: time,
    heldBackAt: time,
    decision: z
      .object({ decision: z.string(), decidedBy: z.string(), decidedAt: time, appliedAt: time.nullable() })
      .nullable(),
  })
  .openapi('HeldBack');

export const getQuarantine = route({
  method: 'get',
  path: '/v1/quarantine',
  scope: 'operator',
  summary: 'List what is held back for its quality, newest first, without its words',
  query: z.object({
    state: z.enum(['quarantined', 'discarded', 'released']).default('quarantined'),
    modality: modality.optional(),
    check: z.enum(QUALITY_CHECKS).optional(),
    ...paging(500, 50),
  }),
  status: 200,
  answer: z.object({ artifacts: z.array(heldBack), nextCursor }),
  handle: async ({ deps, caller: { tenant }, query }) => {
    const { limit, after } = pageAsked(query);
    const rows = await listHeldBack(deps.database.forTenant(tenant).reader, tenant, {
      state: query['state'] as 'quarantined',
      modality: (query['modality'] as 'chat' | undefined) ?? null,
      check: (query['check'] as string | undefined) ?? null,
      before: after,
      limit: limit + 1,
    });
    const { page, nextCursor } = pageOf(rows, limit, (row) => ({ moment: row.position, id: row.artifact_id }));
    return { artifacts: page.map(describe), nextCursor };
  },
});

function describe(row: HeldBackRow) {
  const { decision, decided_by: decidedBy, decided_at: decidedAt, applied_at: appliedAt } = row;
  return {
    artifactId: row.artifact_id,
    interactionId: row.interaction_id,
    modality: row.modality,
    kind: row.kind,
    piece: row.piece,
    state: row.state,
    check: row.reason,
    confidence: row.confidence,
    model: `${row.model}@${row.model_version}`,
    capturedAt: row.captured_at,
    heldBackAt: row.held_back_at,
    decision: decision === null ? null : { decision, decidedBy, decidedAt, appliedAt },
  };
}

const params = z.object({ artifactId: uuid });

export const getQuarantinedContent = route({
  method: 'get',
  path: '/v1/quarantine/{artifactId}/content',
  scope: 'copilot',
  summary: 'Read what is held back, redacted: for those who may read what is served',
  params,
  status: 200,
  answer: z.object({
    artifactId: uuid,
    interactionId: uuid,
    kind: z.string(),
    check: z.string().nullable(),
    passages: z.array(z.object({ text: z.string(), place, confidence: z.number() })),
  }),
  handle: async ({ deps, caller: { tenant }, params: { artifactId } }) => {
    const found = await findContent(deps.database.forTenant(tenant).reader, tenant, artifactId);
    if (found?.state !== 'quarantined') throw new EarshotError('not_found', 'no such artifact is held back');
    const { interaction_id: interactionId, kind, reason: check, content: passages } = found;
    return { artifactId, interactionId, kind, check, passages };
  },
});

const decided = z
  .object({
    artifactId: uuid,
    decision: z.enum(['release', 'discard']),
    decidedBy: z.string(),
    decidedAt: time,
    workflowId: z.string(),
  })
  .openapi('QuarantineDecision');

export const releaseQuarantined = route({
  method: 'post',
  path: '/v1/quarantine/{artifactId}/release',
  scope: 'operator',
  summary: 'Index what was held back; the answer is the same when it is asked twice',
  params,
  status: 202,
  answer: decided,
  handle: ({ deps, caller, params: { artifactId } }) => order(deps, caller, artifactId, 'release'),
});

export const discardQuarantined = route({
  method: 'post',
  path: '/v1/quarantine/{artifactId}/discard',
  scope: 'operator',
  summary: 'Put aside for good what was held back; the answer is the same when it is asked twice',
  params,
  status: 202,
  answer: decided,
  handle: ({ deps, caller, params: { artifactId } }) => order(deps, caller, artifactId, 'discard'),
});

/** Writes the decision down, then starts what follows from it; a start that fails is made up for by the sweep. */
async function order(deps: ApiDependencies, { tenant, keyName }: Caller, artifactId: string, decision: Decision) {
  const startAfterMs = deps.dials.get('sweep.ring_after_ms');
  const command = { tenant, artifactId, decision, decidedBy: keyName, startAfterMs };
  const { app } = deps.database.forTenant(tenant);
  if (decision === 'release' && (await isReplaced(app, tenant, artifactId))) {
    throw new EarshotError('wrong_state', 'something else is served in its place: to release it would serve it twice');
  }
  const row = await decide(app, command);
  if (row === undefined) throw new EarshotError('not_found', 'there is no such artifact');
  if (row.decision === null && row.state === 'quarantined') {
    throw new EarshotError('conflict', 'nothing was recognised in it that could be indexed');
  }
  if (row.decision !== decision) {
    const instead = row.decision === null ? row.state : `decided otherwise: ${row.decision}`;
    throw new EarshotError('conflict', `the artifact is not held back any more, it is ${instead}`);
  }
  const { interaction_id: interactionId, customer_key: customerKey } = row;
  if (row.applied_at === null) {
    const ref = { tenant, interactionId, artifactId, customerKey };
    await startDecision(deps.temporal, ref, deps.dials.get('intake.ring_timeout_ms')).catch((error: unknown) =>
      deps.log.warn({ interactionId, ...errorForLog(error) }, 'a decision waits for the sweep'),
    );
  }
  const { decided_by: decidedBy, decided_at: decidedAt } = row;
  return { artifactId, decision, decidedBy, decidedAt, workflowId: quarantineWorkflowId(artifactId) };
}

const reevaluation = z
  .object({
    reevaluationId: uuid,
    workflowId: z.string(),
    modality: z.enum(['audio', 'screenshot']).nullable(),
    thresholds: z.record(z.string(), z.number()),
    startedBy: z.string(),
    startedAt: time,
    checked: z.int(),
    released: z.int(),
    heldBack: z.int(),
    waitsFor: z.literal('embedding').nullable().openapi({
      description: 'The source that is paused, while it is: what is to be released waits for it',
    }),
    finishedAt: time.nullable(),
  })
  .openapi('Reevaluation');

const dryRunAnswer = z.object({ dryRun: z.literal(true), checked: z.int(), release: z.int(), holdBack: z.int() });

export const reevaluate = route({
  method: 'post',
  path: '/v1/quarantine/reevaluate',
  scope: 'operator',
  reprocesses: true,
  summary: 'Judge the past by the confidence thresholds of today; with dryRun, only count what would move',
  body: z.strictObject({ modality: z.enum(['audio', 'screenshot']).optional(), dryRun: z.boolean().default(false) }),
  status: 202,
  answer: z.union([reevaluation, dryRunAnswer]),
  handle: async ({ deps, caller: { tenant, keyName }, body: { modality: only = null, dryRun } }) => {
    const thresholds = leastConfidence(deps.dials);
    const { app, reader } = deps.database.forTenant(tenant);
    if (dryRun) {
      const { checked, release, hold_back: holdBack } = await countMoves(reader, tenant, thresholds, only);
      return { dryRun, checked, release, holdBack };
    }
    const order = { reevaluationId: randomUUID(), modality: only, thresholds, startedBy: keyName };
    const opened = await openReevaluation(app, tenant, order);
    const ref = { tenant, reevaluationId: opened.reevaluation_id };
    await startReevaluation(deps.temporal, ref, deps.dials.get('intake.ring_timeout_ms')).catch((error: unknown) =>
      deps.log.warn({ tenant, ...errorForLog(error) }, 'a re-evaluation waits for the sweep'),
    );
    return describeReevaluation(opened, deps);
  },
});

export const getReevaluation = route({
  method: 'get',
  path: '/v1/quarantine/reevaluations/{reevaluationId}',
  scope: 'operator',
  summary: 'See how far a look at the past has come',
  params: z.object({ reevaluationId: uuid }),
  status: 200,
  answer: reevaluation,
  handle: async ({ deps, caller: { tenant }, params: { reevaluationId } }) => {
    const row = await findReevaluation(deps.database.forTenant(tenant).reader, tenant, reevaluationId);
    if (row === undefined) throw new EarshotError('not_found', 'there is no such re-evaluation');
    return describeReevaluation(row, deps);
  },
});

function describeReevaluation(row: ReevaluationRow, { sourceStates }: ApiDependencies) {
  const waits = row.finished_at === null && isHeld(sourceStates.get('embedding'), true);
  return {
    reevaluationId: row.reevaluation_id,
    workflowId: reevaluationWorkflowId(row.reevaluation_id),
    modality: row.modality,
    thresholds: row.thresholds,
    startedBy: row.started_by,
    startedAt: row.started_at,
    checked: row.checked,
    released: row.released,
    heldBack: row.held_back,
    waitsFor: waits ? ('embedding' as const) : null,
    finishedAt: row.finished_at,
  };
}
