import { findArtifact } from '../src/db/artifacts.ts';
import { parkRecords } from '../src/db/parked-records.ts';
import { markChanged } from '../src/db/rollups.ts';
import {
  closeDecision,
  findContent,
  releaseArtifact,
  resettle,
  withdrawArtifact,
  type HeldBackContent,
  type ReleasedArtifact,
} from '../src/db/quarantine.ts';
import { lockRecord } from '../src/db/record-lock.ts';
import { findMoves, findReevaluation, noteReevaluation } from '../src/db/reevaluations.ts';
import type {
  QualityActivities,
  QuarantineRef,
  ReevaluationPage,
  ReevaluationRef,
  ReevaluationSearch,
} from '../src/domain/activities.ts';
import { chunkPassages, CHUNKER_VERSION } from '../src/domain/chunking.ts';
import { EarshotError } from '../src/domain/errors.ts';
import { eventTimeOf } from '../src/domain/event-time.ts';
import { chunkIdOf } from '../src/domain/ids.ts';
import { noteRun } from '../src/lineage/run-notes.ts';
import type { ActivityDependencies } from './dependencies.ts';
import { currentRun, withHeartbeat } from './heartbeat.ts';
import { intakeActivities } from './intake.ts';
import { judgeAgain } from './judge.ts';
import { isPaused } from './park.ts';
import { rollUp } from './roll-up.ts';

/** Letting go and holding back, and the counts by hour. */
export function qualityActivities(deps: ActivityDependencies): QualityActivities {
  const app = (tenant: string) => deps.database.forTenant(tenant).app;
  return {
    applyDecision: (ref) => applyDecision(deps, ref),
    closeDecision: ({ tenant, artifactId }) => closeDecision(app(tenant), tenant, artifactId),
    findMoves: (request) => findPage(deps, request),
    applyMove: (move) => applyMove(deps, move),
    noteReevaluation: ({ tenant, reevaluationId, finished, ...counts }) =>
      noteReevaluation(app(tenant), tenant, reevaluationId, counts, finished),
    recordUnindexed: async ({ artifactId, ...failure }) => {
      if (failure.reason === 'model_paused' && (await parkRecordOrDecision(deps, { ...failure, artifactId })))
        return true;
      const piece = (await findArtifact(app(failure.tenant), failure.tenant, artifactId))?.piece ?? 0;
      await intakeActivities(deps).recordFailure({ ...failure, piece });
      return false;
    },
    rollUp: () => withHeartbeat(() => rollUp(deps)),
  };
}

async function applyDecision(deps: ActivityDependencies, ref: QuarantineRef): Promise<false | HeldBackContent['kind']> {
  const { tenant, artifactId } = ref;
  const artifact = await findContent(deps.database.forTenant(tenant).app, tenant, artifactId);
  if (artifact === undefined || artifact.decision === null) return false;
  if (artifact.decision === 'release') return (await release(deps, tenant, artifact)) && artifact.kind;
  await withdraw(deps, ref, { state: 'discarded', reason: null });
  return false;
}

/** Serves what was held back; answers whether the fence let it through. */
async function release(deps: ActivityDependencies, tenant: string, artifact: HeldBackContent): Promise<boolean> {
  const database = deps.database.forTenant(tenant);
  const { artifact_id: artifactId, interaction_id: interactionId } = artifact;
  const chunks = chunkPassages(artifact.content);
  const released: ReleasedArtifact = {
    tenant,
    artifactId,
    chunkerVersion: CHUNKER_VERSION,
    codeVersion: deps.codeVersion,
    ...currentRun(),
    chunks: chunks.map((chunk) => ({ ...chunk, chunkId: chunkIdOf(artifactId, chunk.ordinal) })),
    eventTimes: chunks.map(({ place }) => eventTimeOf(artifact, place)),
  };
  const served = await database.transaction(async (transaction) => {
    await lockRecord(transaction, tenant, interactionId);
    return releaseArtifact(transaction, released);
  });
  await markChanged(database.app, tenant, [interactionId]);
  if (served) {
    noteRun({
      read: { artifact: 1 },
      made: { artifact: 1, chunk: chunks.length },
      versions: { chunker: CHUNKER_VERSION },
    });
  }
  return served;
}

/**
 * Lets what an operator let go wait until its model runs: its record, which has a run that will begin again, or, where that
 * is settled and has none, the decision. Answers whether the decision waits.
 */
async function parkRecordOrDecision(
  { database }: ActivityDependencies,
  { tenant, interactionId, artifactId }: QuarantineRef,
): Promise<boolean> {
  const { app } = database.forTenant(tenant);
  const decision = (await findContent(app, tenant, artifactId))?.decision;
  return decision === 'release' && (await parkRecords(app, tenant, [interactionId], 'embedding')) === 0;
}

async function withdraw(
  deps: ActivityDependencies,
  { tenant, interactionId, artifactId }: QuarantineRef,
  to: Parameters<typeof withdrawArtifact>[3],
): Promise<boolean> {
  const { app } = deps.database.forTenant(tenant);
  const taken = await withdrawArtifact(app, tenant, artifactId, to);
  await resettle(app, tenant, [interactionId]);
  await markChanged(app, tenant, [interactionId]);
  if (taken) noteRun({ read: { artifact: 1 }, made: { artifact: 1 } });
  return taken;
}

async function findPage(
  deps: ActivityDependencies,
  { tenant, reevaluationId, after, only }: ReevaluationSearch,
): Promise<ReevaluationPage> {
  const { app } = deps.database.forTenant(tenant);
  const limit = deps.dials.get('quality.reevaluate_page');
  const reevaluation = await loadReevaluation(deps, tenant, reevaluationId);
  const rows = await findMoves(app, tenant, reevaluation, after, limit, only);
  const last = rows.at(-1);
  return {
    paused: isPaused(deps, 'embedding'),
    moves: rows.map(({ artifact_id: artifactId, interaction_id: interactionId, kind, state }) => ({
      tenant,
      interactionId,
      artifactId,
      kind,
      move: state === 'active' ? 'hold_back' : 'release',
    })),
    next:
      last === undefined || rows.length < limit ? null : { createdAt: last.created_at, artifactId: last.artifact_id },
  };
}

async function loadReevaluation(deps: ActivityDependencies, tenant: string, reevaluationId: string) {
  const row = await findReevaluation(deps.database.forTenant(tenant).app, tenant, reevaluationId);
  if (row === undefined) throw new EarshotError('not_found', `there is no re-evaluation ${reevaluationId}`);
  return row;
}

/** What was held back for doubt alone is served; what another check holds back too stays, for that reason. */
async function applyMove(
  deps: ActivityDependencies,
  move: ReevaluationPage['moves'][number] & ReevaluationRef,
): Promise<'index' | 'held_back' | 'stays'> {
  const { tenant, interactionId, artifactId } = move;
  const artifact = await findContent(deps.database.forTenant(tenant).app, tenant, artifactId);
  if (artifact === undefined || artifact.kind === 'message' || artifact.decision !== null) return 'stays';
  if (move.move === 'hold_back') {
    const taken = await withdraw(deps, move, { state: 'quarantined', reason: 'low_confidence' });
    return taken ? 'held_back' : 'stays';
  }
  const { kind, content: passages, confidence, parameters } = artifact;
  const { startMs, endMs } = parameters;
  const soundMs = typeof startMs === 'number' && typeof endMs === 'number' ? endMs - startMs : null;
  const { thresholds } = await loadReevaluation(deps, tenant, move.reevaluationId);
  const recognised = { tenant, interactionId, kind, passages, confidence, soundMs };
  const reason = await judgeAgain(deps, recognised, thresholds);
  if (reason === undefined) return (await release(deps, tenant, artifact)) ? 'index' : 'stays';
  await withdraw(deps, move, { state: 'quarantined', reason });
  return 'stays';
}
