import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { currentLogic } from '../../current-logic.ts';
import { countByLogic, type LogicCountRow } from '../../db/logic.ts';
import { createReplay, deleteReplay, findReplay, listFailures, listReplays, type ReplayRow } from '../../db/replays.ts';
import { EarshotError, invalidField } from '../../domain/errors.ts';
import { replayIdOf } from '../../domain/ids.ts';
import { fingerprintOf, LOGIC_PARTS, staleReasons, type CurrentLogic } from '../../domain/logic.ts';
import { paceOf } from '../../domain/pace.ts';
import { ARTIFACT_KINDS, REPLAY_SELECTIONS, REPLAY_STATES, type ReplayRef } from '../../domain/replay.ts';
import { CANCEL_SIGNAL, PAUSE_SIGNAL, replayWorkflowId, RESUME_SIGNAL } from '../../domain/workflows.ts';
import { signalReplay, startReplay } from '../../temporal/start-replay.ts';
import { nextCursor, pageAsked, pageOf, paging } from '../cursor.ts';
import type { ApiDependencies } from '../dependencies.ts';
import { progressEvents, watchProgress } from '../event-stream.ts';
import { heldBy, holder } from '../held-by.ts';
import { route } from '../route.ts';
import { isSameReplay } from '../same-replay.ts';
import { externalId, modality, time, uuid } from '../schemas.ts';

const kind = z.enum(ARTIFACT_KINDS);
const part = z.enum(LOGIC_PARTS);

const logic = z
  .object({
    model: z.string(),
    prompt: z.string(),
    settings: z.record(z.string(), z.unknown()),
    redactor: z.string(),
    chunker: z.string(),
  })
  .openapi('Logic');

export const getLogic = route({
  method: 'get',
  path: '/v1/logic',
  scope: 'operator',
  summary: 'See by what logic each kind of artifact is made now, and how many in service were made by another',
  status: 200,
  answer: z.object({
    kinds: z.array(
      z.object({
        kind,
        fingerprint: z.string(),
        current: logic,
        upToDate: z.int(),
        stale: z.int(),
        staleBy: z.array(
          z.object({ fingerprint: z.string(), made: logic, reasons: z.array(part), artifacts: z.int() }),
        ),
      }),
    ),
  }),
  handle: async ({ deps, caller: { tenant } }) => {
    const rows = await countByLogic(deps.database.forTenant(tenant).reader, tenant);
    const current = currentLogic(deps);
    return { kinds: ARTIFACT_KINDS.map((each) => describeKind(each, current, rows)) };
  },
});

function describeKind(each: (typeof ARTIFACT_KINDS)[number], logics: CurrentLogic, rows: readonly LogicCountRow[]) {
  const current = logics[each];
  const counts = rows
    .filter((row) => row.kind === each)
    .map(({ kind: _kind, artifacts, ...made }) => ({ made, artifacts, reasons: staleReasons(made, current) }));
  const stale = counts.filter(({ reasons }) => reasons.length > 0);
  const total = (some: typeof counts) => some.reduce((sum, { artifacts }) => sum + artifacts, 0);
  return {
    kind: each,
    fingerprint: fingerprintOf(each, current),
    current,
    upToDate: total(counts) - total(stale),
    stale: total(stale),
    staleBy: stale.map((entry) => ({ fingerprint: fingerprintOf(each, entry.made), ...entry })),
  };
}

const modelName = z.string().min(1).max(200);

const replay = z
  .object({
    replayId: uuid,
    workflowId: z.string(),
    state: z.enum(REPLAY_STATES),
    scope: z.object({
      from: time.nullable(),
      to: time,
      customerKey: z.string().nullable(),
      modalities: z.array(modality).nullable(),
      kinds: z.array(kind).nullable(),
      only: z.enum(REPLAY_SELECTIONS),
      asrModel: z.string().nullable(),
      visionModel: z.string().nullable(),
      indexVersion: z.int().nullable(),
    }),
    records: z.object({
      total: z.int().nullable(),
      seen: z.int(),
      remade: z.int(),
      repaired: z.int(),
      unchanged: z.int(),
      heldBack: z.int(),
      failed: z.int(),
      erased: z.int(),
    }),
    requestedBy: z.string(),
    createdAt: time,
    updatedAt: time,
    finishedAt: time.nullable(),
    estimatedEnd: time.nullable(),
    heldBy,
  })
  .openapi('Replay');

export const postReplay = route({
  method: 'post',
  path: '/v1/replays',
  scope: 'operator',
  reprocesses: true,
  summary: 'Make derived data anew from what was captured, where other logic made it or it is not there',
  idempotencyKey: true,
  body: z.strictObject({
    from: time.optional(),
    to: time.optional(),
    customerId: externalId.optional(),
    modalities: z.array(modality).min(1).optional(),
    kinds: z.array(kind).min(1).optional(),
    only: z.enum(REPLAY_SELECTIONS).default('all'),
    asrModel: modelName.optional(),
    visionModel: modelName.optional(),
  }),
  status: 202,
  answer: z.object({ replayId: uuid, workflowId: z.string() }),
  handle: async ({ deps, caller: { tenant, keyName }, body, idempotencyKey }) => {
    const replayId = idempotencyKey === undefined ? randomUUID() : replayIdOf(tenant, idempotencyKey);
    const { from, to, customerId } = body;
    if (from !== undefined && to !== undefined && new Date(from) >= new Date(to)) {
      throw invalidField('to', 'must be after from');
    }
    const ref = { tenant, replayId };
    const { app } = deps.database.forTenant(tenant);
    const asked = {
      from: from === undefined ? null : new Date(from),
      to: to === undefined ? null : new Date(to),
      customerKey: customerId === undefined ? null : deps.ids.customerKey(tenant, customerId),
      modalities: body.modalities ?? null,
      kinds: body.kinds ?? null,
      selection: body.only,
      asrModel: body.asrModel ?? null,
      visionModel: body.visionModel ?? null,
    };
    const [forVersion, requestedBy] = [null, keyName];
    const isNew = await createReplay(app, { ...ref, ...asked, to: asked.to ?? new Date(), forVersion, requestedBy });
    if (!isNew && !isSameReplay(await load(deps, ref), asked)) {
      throw new EarshotError('conflict', 'a replay with this idempotency key has another body');
    }
    await startReplay(deps.temporal, ref, deps.dials.get('intake.ring_timeout_ms')).catch(async (error: unknown) => {
      // One that was asked for before may be under way.
      if (isNew) await deleteReplay(app, ref);
      throw new EarshotError('temporal_unavailable', 'the replay could not be started; ask again', { cause: error });
    });
    return { replayId, workflowId: replayWorkflowId(replayId) };
  },
});

export const getReplays = route({
  method: 'get',
  path: '/v1/replays',
  scope: 'operator',
  summary: 'List replays, newest first',
  query: z.object(paging(200, 50)),
  status: 200,
  answer: z.object({ replays: z.array(replay), nextCursor }),
  handle: async ({ deps, caller: { tenant }, query }) => {
    const { limit, after } = pageAsked(query);
    const rows = await listReplays(deps.database.forTenant(tenant).reader, tenant, after, limit + 1);
    const { page, nextCursor } = pageOf(rows, limit, (row) => ({ moment: row.moment, id: row.replay_id }));
    return { replays: page.map((row) => describe(deps, row)), nextCursor };
  },
});

const MAX_FAILURES = 1_000;
const params = z.object({ replayId: uuid });

export const getReplay = route({
  method: 'get',
  path: '/v1/replays/{replayId}',
  scope: 'operator',
  summary: 'See how far a replay is, and what could not be made anew',
  params,
  status: 200,
  answer: replay.extend({
    failures: z.array(z.object({ interactionId: uuid, kind: z.string(), code: z.string(), at: time })),
  }),
  handle: async ({ deps, caller: { tenant }, params: { replayId } }) => {
    const row = await load(deps, { tenant, replayId });
    const failures = await listFailures(deps.database.forTenant(tenant).reader, { tenant, replayId }, MAX_FAILURES);
    return {
      ...describe(deps, row),
      failures: failures.map(({ interaction_id: interactionId, kind: what, code, failed_at: at }) => {
        return { interactionId, kind: what, code, at };
      }),
    };
  },
});

export const getReplayProgress = route({
  method: 'get',
  path: '/v1/replays/{replayId}/progress',
  scope: 'operator',
  summary: 'Watch a replay as numbers: an event for each change, the last one named done',
  params,
  status: 200,
  answer: progressEvents(replay.pick({ replayId: true, state: true, records: true, estimatedEnd: true, heldBy: true })),
  handle: async ({ deps, caller: { tenant }, params: { replayId } }) => {
    const look = async () => {
      const {
        state,
        records,
        estimatedEnd: end,
        heldBy: held,
      } = describe(deps, await load(deps, { tenant, replayId }));
      const final = state === 'completed' || state === 'cancelled';
      return { data: { replayId, state, records, estimatedEnd: end, heldBy: held }, final };
    };
    return watchProgress(deps, await look(), look);
  },
});

async function load(deps: ApiDependencies, ref: ReplayRef): Promise<ReplayRow> {
  const row = await findReplay(deps.database.forTenant(ref.tenant).reader, ref);
  if (row === undefined) throw new EarshotError('not_found', 'there is no such replay');
  return row;
}

const told = (word: 'pause' | 'resume' | 'cancel', signal: string, summary: string) =>
  route({
    method: 'post',
    path: `/v1/replays/{replayId}/${word}`,
    scope: 'operator',
    summary,
    params,
    status: 202,
    answer: z.object({ replayId: uuid }),
    handle: async ({ deps, caller: { tenant }, params: { replayId } }) => {
      const { state, for_version: indexVersion } = await load(deps, { tenant, replayId });
      if (indexVersion !== null) {
        throw new EarshotError('wrong_state', `index version ${indexVersion} steers this replay: ${word} that`);
      }
      if (state === 'cancelled' && word === 'cancel') return { replayId };
      if (state !== 'running' && state !== 'paused') throw new EarshotError('conflict', `the replay is ${state}`);
      await signalReplay(deps.temporal, replayId, signal, deps.dials.get('intake.ring_timeout_ms'));
      return { replayId };
    },
  });

export const pauseReplay = told('pause', PAUSE_SIGNAL, 'Pause a replay before its next record');
export const resumeReplay = told('resume', RESUME_SIGNAL, 'Go on with a paused replay');
export const cancelReplay = told('cancel', CANCEL_SIGNAL, 'End a replay; what it has replaced stays');

function describe(deps: ApiDependencies, row: ReplayRow) {
  return {
    replayId: row.replay_id,
    workflowId: replayWorkflowId(row.replay_id),
    state: row.state,
    scope: {
      from: row.captured_from,
      to: row.captured_to,
      customerKey: row.customer_key,
      modalities: row.modalities,
      kinds: row.kinds,
      only: row.only_records,
      asrModel: row.asr_model,
      visionModel: row.vision_model,
      indexVersion: row.for_version,
    },
    records: {
      total: row.records_total,
      seen: row.seen,
      remade: row.remade,
      repaired: row.repaired,
      unchanged: row.unchanged,
      heldBack: row.held_back,
      failed: row.failed,
      erased: row.erased,
    },
    requestedBy: row.requested_by,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
    finishedAt: row.finished_at,
    estimatedEnd: estimatedEnd(row),
    heldBy: holder(deps, row.state === 'running'),
  };
}

/** When it ends if it goes on at the pace that it has had since its beginning. */
function estimatedEnd({ state, seen, records_total: total, created_at: begun, updated_at: now }: ReplayRow) {
  if (state !== 'running' || total === null) return null;
  return paceOf(seen, now.getTime() - begun.getTime(), total - seen, now.getTime()).estimatedEnd;
}
