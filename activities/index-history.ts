import { leaveLane, nextOfLane } from '../src/db/history-lane.ts';
import { blameOfStatement } from '../src/db/pools.ts';
import type { HistoryActivities, IndexHistoryRequest, IndexHistoryResult } from '../src/domain/activities.ts';
import { EarshotError } from '../src/domain/errors.ts';
import { atLeast } from '../src/domain/pressure.ts';
import { chatBatchLimits } from '../src/batch-limits.ts';
import { errorForLog } from '../src/observe/log.ts';
import type { ActivityDependencies } from './dependencies.ts';
import { withHeartbeat } from './heartbeat.ts';
import { indexMessages } from './index-messages.ts';

/** A wait under pressure, at first; each next one is as long as all before. */
const FIRST_HOLD_MS = 1_000;

/** Many conversations at once, of which nothing but history waits. */
export function historyActivities(deps: ActivityDependencies): HistoryActivities {
  const ofHistory = { ...deps, writes: deps.historyWrites };
  return {
    indexHistory: (request) =>
      Promise.resolve(
        holdUnderPressure(deps, request) ?? withHeartbeat((signal) => indexBatch(ofHistory, request, signal)),
      ),
  };
}

/** History slows down to a batch now and then; the worker's place is free meanwhile. */
function holdUnderPressure(
  { dials, pressure }: ActivityDependencies,
  { heldMs }: IndexHistoryRequest,
): IndexHistoryResult | undefined {
  const left = dials.get('history.hold_at_most_ms') - heldMs;
  if (left <= 0 || !atLeast(pressure.step(), 'slow_reprocessing')) return undefined;
  const waitMs = Math.min(left, Math.max(FIRST_HOLD_MS, heldMs));
  return { messages: 0, sessions: 0, left: 0, again: 'later', waitMs, heldMs: heldMs + waitMs };
}

/** What became of one conversation. */
type Outcome =
  | { readonly sessionId: string; readonly messages: number; readonly asleep: boolean }
  | { readonly sessionId: string; readonly error: unknown };

/**
 * The next messages of history. Each conversation is a batch of its own, by the step that indexes live ones: what they
 * ask at the same time goes as one model request and one statement of a kind, each with an answer of its own.
 *
 * A conversation that fails of itself leaves the lane for a run of its own, which has the patience and shows the failure.
 *
 * @throws EarshotError of what no conversation is at fault for, such as a model that does not answer; what succeeded is
 *   done, and the step runs again for the rest.
 */
async function indexBatch(
  deps: ActivityDependencies,
  { tenant }: IndexHistoryRequest,
  signal: AbortSignal,
): Promise<IndexHistoryResult> {
  const { app } = deps.database.forTenant(tenant);
  const messages = deps.dials.get('history.batch_max_messages');
  const perSession = chatBatchLimits(deps).messages;
  const { sessionIds, full } = await nextOfLane(app, tenant, { messages, perSession });
  const outcomes = await Promise.all(sessionIds.map((sessionId) => indexSession(deps, tenant, sessionId, signal)));
  signal.throwIfAborted();
  const failed = outcomes.filter((outcome) => 'error' in outcome);
  const ofThemselves = failed.filter(({ error }) => !isOutage(error));
  if (ofThemselves.length > 0) {
    await leaveLane(
      app,
      tenant,
      ofThemselves.map(({ sessionId }) => sessionId),
    );
  }
  const outage = failed.find(({ error }) => isOutage(error));
  if (outage !== undefined) throw outage.error;
  const done = outcomes.filter((outcome) => 'messages' in outcome);
  const left = ofThemselves.length;
  const restless = done.some(({ asleep }) => !asleep);
  return {
    messages: done.reduce((sum, outcome) => sum + outcome.messages, 0),
    sessions: done.length,
    left,
    again: full ? 'now' : restless ? 'later' : 'if rung',
    waitMs: full ? 0 : deps.dials.get('history.window_ms'),
    heldMs: 0,
  };
}

async function indexSession(
  deps: ActivityDependencies,
  tenant: string,
  sessionId: string,
  signal: AbortSignal,
): Promise<Outcome> {
  try {
    const { messages, asleep } = await indexMessages(deps, { tenant, sessionId, first: true }, signal);
    return { sessionId, messages, asleep };
  } catch (error) {
    if (!signal.aborted && !isOutage(error)) {
      const failure = errorForLog(error);
      deps.metrics.activityFailures.inc({ activity: 'indexHistory', code: failure.code });
      deps.log.warn({ sessionId, ...failure }, 'a conversation of history is left to a run of its own');
    }
    return { sessionId, error };
  }
}

/** Nobody's own: a model that does not answer or asks to wait, a database that is away. */
function isOutage(error: unknown): boolean {
  if (!(error instanceof EarshotError)) return false;
  if (error.code === 'database_unavailable') return blameOfStatement(error) === 'all';
  return error.code === 'model_unavailable' || error.code === 'model_overloaded';
}
