import { isGrpcDeadlineError } from '@temporalio/client';
import { z } from 'zod';
import { dropVersion, findPair, findReindex, listReindexes, type ReindexRow } from '../../db/reindexes.ts';
import { listTenants } from '../../db/subjects.ts';
import { listFailures } from '../../db/version-vectors.ts';
import { EarshotError } from '../../domain/errors.ts';
import { reindexWorkflowId, type PAUSE_SIGNAL, type RESUME_SIGNAL } from '../../domain/workflows.ts';
import { activateVersion, signalReindex, startRebuild } from '../../temporal/start-reindex.ts';
import type { ApiDependencies } from '../dependencies.ts';
import { progressEvents, watchProgress } from '../event-stream.ts';
import { heldBy, holder } from '../held-by.ts';
import { leftToSweep, requestReindex } from '../reindex.ts';
import { route, type Caller } from '../route.ts';
import { time, uuid } from '../schemas.ts';

const version = z
  .object({
    version: z.int(),
    workflowId: z.string(),
    model: z.string(),
    dimensions: z.int(),
    storage: z.enum(['vector', 'halfvec']),
    from: z.enum(['text', 'raw']),
    asrModel: z.string().nullable(),
    visionModel: z.string().nullable(),
    /** What recognises the tenant's records anew for it. */
    replayId: uuid.nullable(),
    state: z.enum(['building', 'live', 'retired', 'dropped']),
    createdAt: time,
    liveFrom: time.nullable(),
    liveTo: time.nullable(),
    dropAfter: time.nullable(),
    droppedAt: time.nullable(),
    removedAt: time.nullable(),
    rebuiltAt: time.nullable(),
    progress: z.looseObject({}),
    heldBy,
    evidence: z.looseObject({}).nullable(),
    givenUp: z.looseObject({}).nullable(),
    rebuild: z.looseObject({}).nullable(),
  })
  .openapi('IndexVersion');

const params = z.object({ version: z.string() });

export const postReindex = route({
  method: 'post',
  path: '/v1/reindex',
  scope: 'operator',
  deployment: true,
  reprocesses: true,
  summary: 'Build an index version beside the live one, by another embedding model or anew by the same',
  body: z.strictObject({
    embeddingModel: z.string().min(1).max(200),
    dimensions: z.int().min(2).max(4_000),
    from: z.enum(['text', 'raw']).default('text'),
    storage: z.enum(['vector', 'halfvec']).optional(),
    asrModel: z.string().min(1).max(200).optional(),
    visionModel: z.string().min(1).max(200).optional(),
    acknowledge: z.boolean().default(false),
  }),
  status: 202,
  answer: version,
  handle: async ({ deps, caller, body }) => {
    const { storage, asrModel, visionModel, ...rest } = body;
    return describe(
      deps,
      await load(deps, await requestReindex(deps, caller, { ...rest, storage, asrModel, visionModel })),
      caller,
    );
  },
});

export const getIndexVersions = route({
  method: 'get',
  path: '/v1/index-versions',
  scope: 'operator',
  deployment: true,
  summary: 'List the generations of vectors that are and were',
  status: 200,
  answer: z.object({ versions: z.array(version) }),
  handle: async ({ deps, caller }) => {
    const rows = await listReindexes(deps.database.deployment);
    return { versions: rows.map((row) => describe(deps, row, caller)) };
  },
});

const MOST_FAILURES = 1_000;

export const getIndexVersion = route({
  method: 'get',
  path: '/v1/index-versions/{version}',
  scope: 'operator',
  deployment: true,
  summary: 'See how far a version is, how it measures up, and which texts its model refused',
  params,
  status: 200,
  answer: version.extend({
    failures: z.array(
      z.object({ tenant: z.string(), chunkId: uuid, interactionId: uuid, code: z.string(), failedAt: time }),
    ),
  }),
  handle: async ({ deps, caller, params: { version: given } }) => {
    const row = await find(deps, given);
    return { ...describe(deps, row, caller), failures: await failuresOf(deps, row.index_version) };
  },
});

/** A version is of all tenants: so is what its model refused. */
async function failuresOf({ database }: ApiDependencies, indexVersion: number) {
  const failures = [];
  for (const tenant of await listTenants(database.deployment)) {
    const most = MOST_FAILURES - failures.length;
    const rows = await listFailures(database.forTenant(tenant).reader, tenant, indexVersion, most);
    failures.push(
      ...rows.map((each) => ({
        tenant,
        chunkId: each.chunk_id,
        interactionId: each.interaction_id,
        code: each.code,
        failedAt: each.failed_at,
      })),
    );
  }
  return failures;
}

/** Until it waits to be activated: what comes then is no progress of the re-embedding. */
export const getIndexVersionProgress = route({
  method: 'get',
  path: '/v1/index-versions/{version}/progress',
  scope: 'operator',
  deployment: true,
  summary: 'Watch a re-embedding as numbers: an event for each change, the last one named done',
  params,
  status: 200,
  answer: progressEvents(version.pick({ version: true, state: true, progress: true })),
  handle: async ({ deps, params: { version: given } }) => {
    const look = async () => {
      const { index_version: number, state, progress } = await find(deps, given);
      return { data: { version: number, state, progress }, final: state !== 'building' || progress.step === 'ready' };
    };
    return watchProgress(deps, await look(), look);
  },
});

/** How long a caller waits for the last texts to be embedded and for the measurement. */
const ACTIVATE_WITHIN_MS = 120_000;

export const activateIndexVersion = route({
  method: 'post',
  path: '/v1/index-versions/{version}/activate',
  scope: 'operator',
  deployment: true,
  summary: 'Have a version answer queries, or go back to the retired one, if its figures allow it',
  params,
  status: 200,
  answer: version,
  handle: async ({ deps, caller, params: { version: given } }) => {
    const row = await find(deps, given);
    if (row.state === 'live') return describe(deps, row, caller);
    const { index_version: indexVersion } = row;
    const { keeper, beside } = await findPair(deps.database.deployment);
    if (keeper === null || beside !== indexVersion) throw wrongState(row, 'it is dropped');
    if (row.state === 'building' && row.evidence === null) throw wrongState(row, 'it is not complete yet');
    const outcome = await activate(deps, keeper, indexVersion);
    const now = await load(deps, indexVersion);
    // Else the first questions would be embedded for the version of before, and again: no more is lost where it fails.
    await deps.indexVersions.refresh().catch(() => undefined);
    if (outcome.activated) return describe(deps, now, caller);
    if (outcome.evidence === null) throw wrongState(now, 'it is dropped');
    throw new EarshotError('evidence_too_low', `version ${indexVersion} does not go live: details have its figures`, {
      fields: outcome.shortfalls.map(({ figure, measured, bound }) => ({
        field: figure,
        message: `is ${measured}, must be at least ${bound} (dial reindex.min_${figure})`,
      })),
      details: { evidence: outcome.evidence, shortfalls: outcome.shortfalls },
    });
  },
});

async function activate(deps: ApiDependencies, keeper: number, indexVersion: number) {
  try {
    return await activateVersion(deps.temporal, keeper, indexVersion, ACTIVATE_WITHIN_MS);
  } catch (error) {
    if (!isGrpcDeadlineError(error)) throw error;
    throw new EarshotError('overloaded', 'the version is still being measured; ask again, or look at its state');
  }
}

function wrongState({ index_version: number, state, progress }: ReindexRow, why: string): EarshotError {
  return new EarshotError('wrong_state', `version ${number} is ${state}: ${why}`, { details: { progress } });
}

export const pauseIndexVersion = told('pause', 'Let a re-embedding rest; live texts are written on');
export const resumeIndexVersion = told(
  'resume',
  'Go on with a re-embedding; without a pause, ask again for the texts that its model refused',
);

function told(signal: typeof PAUSE_SIGNAL | typeof RESUME_SIGNAL, summary: string) {
  return route({
    method: 'post',
    path: `/v1/index-versions/{version}/${signal}`,
    scope: 'operator',
    deployment: true,
    summary,
    params,
    status: 202,
    answer: version,
    handle: async ({ deps, caller, params: { version: given } }) => {
      const row = await find(deps, given);
      if (row.state !== 'building') throw wrongState(row, 'it is not being built');
      await signalReindex(deps.temporal, row.index_version, signal, deps.dials.get('intake.ring_timeout_ms'));
      return describe(deps, await load(deps, row.index_version), caller);
    },
  });
}

export const cancelIndexVersion = route({
  method: 'post',
  path: '/v1/index-versions/{version}/cancel',
  scope: 'operator',
  deployment: true,
  summary: 'Give up a version that is being built; another can be asked for at once',
  params,
  status: 202,
  answer: version,
  handle: async ({ deps, caller, params: { version: given } }) => {
    const row = await find(deps, given);
    const { index_version: indexVersion } = row;
    if (!(await dropVersion(deps.database.deployment, indexVersion, 'building'))) {
      throw wrongState(row, 'it is not being built');
    }
    const timeoutMs = deps.dials.get('intake.ring_timeout_ms');
    await signalReindex(deps.temporal, indexVersion, 'cancel', timeoutMs).catch(leftToSweep(deps, indexVersion));
    return describe(deps, await load(deps, indexVersion), caller);
  },
});

export const rebuildIndexVersion = route({
  method: 'post',
  path: '/v1/index-versions/{version}/rebuild',
  scope: 'operator',
  deployment: true,
  summary: 'Build the HNSW index of a version anew, without blocking anyone, and measure what that gained',
  params,
  status: 202,
  answer: z.object({ workflowId: z.string() }),
  handle: async ({ deps, params: { version: given } }) => {
    const row = await find(deps, given);
    if (row.state === 'dropped' || row.indexed_at === null) throw wrongState(row, 'it has no index');
    const timeoutMs = deps.dials.get('intake.ring_timeout_ms');
    return { workflowId: await startRebuild(deps.temporal, row.index_version, timeoutMs) };
  },
});

async function find(deps: ApiDependencies, given: string): Promise<ReindexRow> {
  if (!/^[1-9]\d{0,8}$/.test(given)) throw new EarshotError('not_found', 'there is no such index version');
  return load(deps, Number(given));
}

async function load(deps: ApiDependencies, indexVersion: number): Promise<ReindexRow> {
  const row = await findReindex(deps.database.deployment, indexVersion);
  if (row === undefined) throw new EarshotError('not_found', 'there is no such index version');
  return row;
}

function describe(deps: ApiDependencies, row: ReindexRow, { tenant }: Caller) {
  return {
    version: row.index_version,
    workflowId: reindexWorkflowId(row.index_version),
    model: row.model,
    dimensions: row.dimensions,
    storage: row.storage,
    from: row.source,
    asrModel: row.asr_model,
    visionModel: row.vision_model,
    replayId: row.replays.find((replay) => replay.tenant === tenant)?.replayId ?? null,
    state: row.state,
    createdAt: row.created_at,
    liveFrom: row.live_from,
    liveTo: row.live_to,
    dropAfter: row.drop_after,
    droppedAt: row.dropped_at,
    removedAt: row.removed_at,
    rebuiltAt: row.rebuilt_at,
    progress: row.progress,
    // Filled once, it waits for nobody.
    heldBy: holder(deps, row.state === 'building' && row.indexed_at === null),
    evidence: row.evidence,
    givenUp: row.given_up,
    rebuild: row.rebuild,
  };
}
