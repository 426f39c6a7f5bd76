import { recordFailedPiece } from '../src/db/artifacts.ts';
import { sleepUnlessRung, takeWork } from '../src/db/sessions.ts';
import type { CallWork, FailureRecord, IntakeActivities, ScreenshotWork } from '../src/domain/activities.ts';
import { artifactIdOf } from '../src/domain/ids.ts';
import { isCut } from '../src/domain/audio-split.ts';
import { sourceOfStep } from '../src/domain/model-source.ts';
import { parkRecords } from '../src/db/parked-records.ts';
import type { SessionRef } from '../src/domain/workflows.ts';
import type { ActivityDependencies } from './dependencies.ts';
import { currentRun } from './heartbeat.ts';
import { parkIfPaused } from './park.ts';
import { settleErased, settleRecords } from './settle.ts';

/** Short database steps of workflows. */
export function intakeActivities(deps: ActivityDependencies): IntakeActivities {
  const app = (tenant: string) => deps.database.forTenant(tenant).app;
  return {
    takeCallWork: (session) => takeCallWork(deps, session),
    takeScreenshotWork: async ({ tenant, sessionId }): Promise<ScreenshotWork> => {
      const rows = await takeWork(app(tenant), tenant, sessionId, null);
      const waiting = rows.flatMap(({ interaction_id }) => interaction_id ?? []);
      return {
        interactionIds: (await parkIfPaused(deps, tenant, waiting, 'vision')) ? [] : waiting,
        arrivals: rows[0]?.arrivals ?? 0,
      };
    },
    sleepUnlessRung: ({ tenant, sessionId, arrivals }) => sleepUnlessRung(app(tenant), tenant, sessionId, arrivals),
    recordFailure: (failure) => recordFailure(deps, failure),
  };
}

async function takeCallWork(deps: ActivityDependencies, { tenant, sessionId }: SessionRef): Promise<CallWork> {
  const target = deps.dials.get('call.piece_target_ms');
  const rows = await takeWork(deps.database.forTenant(tenant).app, tenant, sessionId, target);
  const items = rows.flatMap(({ interaction_id, duration_ms, media_type, piece_target_ms, attempts }) =>
    interaction_id === null || duration_ms === null
      ? []
      : [
          {
            interactionId: interaction_id,
            durationMs: duration_ms,
            cut: isCut(media_type, duration_ms, piece_target_ms ?? target),
            ...(attempts === null || attempts === 0 ? {} : { attempt: attempts }),
          },
        ],
  );
  const [session] = rows;
  const ids = items.map(({ interactionId }) => interactionId);
  return {
    items: (await parkIfPaused(deps, tenant, ids, 'speech')) ? [] : items,
    arrivals: session?.arrivals ?? 0,
    complete: session === undefined || (session.ended && session.missing_segments === 0),
    missingSegments: session?.ended === true ? session.missing_segments : 0,
    piecesInParallel: deps.dials.get('call.pieces_in_parallel'),
    abandonedAfterMs: deps.dials.get('call.abandoned_after_ms'),
  };
}

async function recordFailure(deps: ActivityDependencies, failure: FailureRecord): Promise<void> {
  const { tenant, interactionId } = failure;
  if (await noteFailure(deps, failure)) await settleRecords(deps, tenant, [interactionId], []);
}

/** Writes down what a record lacks, and why; answers false for one that was erased, or that waits for its model. */
export async function noteFailure(deps: ActivityDependencies, failure: FailureRecord): Promise<boolean> {
  const { tenant, interactionId, kind, piece, reason, detail } = failure;
  if (reason === 'erased' || reason === 'data_key_destroyed') {
    await settleErased(deps, tenant, [interactionId]);
    return false;
  }
  const db = deps.database.forTenant(tenant).app;
  // A record that is settled has no run that a resumption would begin again: what it lacks is told as a failure.
  if (reason === 'model_paused' && (await parkRecords(db, tenant, [interactionId], sourceOfStep(kind))) > 0) {
    return false;
  }
  const { codeVersion } = deps;
  const indexVersion = deps.indexVersions.live().index_version;
  const identity = { interactionId, kind: kind === 'index' ? ('transcript' as const) : kind, piece };
  const artifactId = artifactIdOf({ ...identity, model: 'none', modelVersion: reason, parameters: kind });
  const record = { tenant, interactionId, artifactId, kind, piece, reason, indexVersion, codeVersion };
  await recordFailedPiece(db, { ...record, detail: detail ?? null, ...currentRun() });
  if (kind === 'caption' || kind === 'screen_text') deps.metrics.degraded.inc({ part: kind });
  return true;
}
