import { leaveLane, nextOfLane } from '../src/db/history-lane.ts';
import { blameOfStatement } from '../src/db/pools.ts';
import type { HistoryActivities, IndexHistoryRequest, IndexHistoryResult } from '../src/domain/activities.ts';
import { EarshotError } from '../src/domain/errors.ts';
import { atLeast } from '../src/domain/pressure.ts';
import { chatBatchLimits } from '../src/batch-limits.ts';
import { errorForLog } from '../src/observe/log.ts';
import type { ActivityDependencies } from './dependencies.ts';
import { currentAttempt, withHeartbeat } from './heartbeat.ts';
import { indexMessages } from './index-messages.ts';

/** A wait under pressure, at first; each next one is as long as all before. */
const FIRST_HOLD_MS = 1_000;

/** Many conversations at once, of which nothing but history waits. */
export function historyActivities(deps: ActivityDependencies): HistoryActivities {
  const ofHistory = { ...deps, writes: deps.historyWrites };
  return {
    indexHistory: (request) =>
      Promise.resolve(
        holdUnderPressure(deps, request) ??
          withHeartbeat((signal) => indexBatch(ofHistory, request, currentAttempt(), signal)),
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

/** Attempts of a step that take a whole page at once. */
const ATTEMPTS_TOGETHER = 3;

/** How long a step takes conversations one by one at most, well within its time. */
const ALONE_FOR_MS = 60_000;

interface Failure {
  readonly sessionId: string;
  readonly error: unknown;
}

/** What became of one conversation. */
type Outcome = Failure | { readonly sessionId: string; readonly messages: number; readonly asleep: boolean };

/**
 * The next messages of history. Each conversation is a batch of its own, by the step that indexes live ones: what they
 * ask at the same time goes as one model request and one statement of a kind, each with an answer of its own.
 *
 * A conversation that fails of itself leaves the lane for a run of its own, which has the patience and shows the failure.
 *
 * @param attempt of the step, from 1.
 * @throws EarshotError of what no conversation is at fault for, such as a model that does not answer; what succeeded is
 *   done, and the step runs again for the rest.
 */
async function indexBatch(
  deps: ActivityDependencies,
  { tenant }: IndexHistoryRequest,
  attempt: number,
  signal: AbortSignal,
): Promise<IndexHistoryResult> {
  const { app } = deps.database.forTenant(tenant);
  const messages = deps.dials.get('history.batch_max_messages');
  const perSession = Math.min(messages, chatBatchLimits(deps).messages);
  const { sessionIds, full } = await nextOfLane(app, tenant, { messages, perSession });
  const index = (sessionId: string) => indexSession(deps, tenant, sessionId, perSession, signal);
  const together = attempt <= ATTEMPTS_TOGETHER;
  const outcomes = together
    ? await Promise.all(sessionIds.map(index))
    : await untilOneFails(sessionIds, index, performance.now() + ALONE_FOR_MS);
  signal.throwIfAborted();
  const failed = outcomes.filter((outcome) => 'error' in outcome);
  const done = outcomes.filter((outcome) => 'messages' in outcome);
  const toAll = together ? whatFailsAll(failed, done.length) : undefined;
  if (toAll !== undefined) throw toAll.error;
  const toLeave = together ? failed.filter(({ error }) => !isOutage(error)) : failed;
  const leaving = toLeave.map(({ sessionId }) => sessionId);
  if (leaving.length > 0) await leaveLane(app, tenant, leaving);
  // Alone it is the conversation's own when others were done just before. If not, the next attempt is as late as ever:
  // in an outage few conversations leave.
  const outage = failed.find(({ error }) => (together ? isOutage(error) : done.length === 0));
  if (outage !== undefined) throw outage.error;
  const restless = done.some(({ asleep }) => !asleep);
  const more = full || outcomes.length < sessionIds.length;
  return {
    messages: done.reduce((sum, outcome) => sum + outcome.messages, 0),
    sessions: done.length,
    left: leaving.length,
    again: more ? 'now' : restless ? 'later' : 'if rung',
    waitMs: more ? 0 : deps.dials.get('history.window_ms'),
    heldMs: 0,
    stepsPerRun: deps.dials.get('history.steps_per_run'),
  };
}

/**
 * Each conversation by itself, to tell the one that makes a joined request fail for all that are in it. Ends with the
 * first failure, or when the time is up.
 */
async function untilOneFails(
  sessionIds: readonly string[],
  index: (sessionId: string) => Promise<Outcome>,
  endAt: number,
): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  for (const sessionId of sessionIds) {
    const outcome = await index(sessionId);
    outcomes.push(outcome);
    if ('error' in outcome || performance.now() > endAt) break;
  }
  return outcomes;
}

/** Several failed and none succeeded: what they share is not well, and runs of their own would not help. */
function whatFailsAll(failed: readonly Failure[], succeeded: number): Failure | undefined {
  if (failed.length < 2 || succeeded > 0) return undefined;
  return failed.find(({ error }) => !(error instanceof EarshotError) || error.retryable);
}

async function indexSession(
  deps: ActivityDependencies,
  tenant: string,
  sessionId: string,
  limit: number,
  signal: AbortSignal,
): Promise<Outcome> {
  try {
    const { messages, asleep } = await indexMessages(deps, { tenant, sessionId, first: true }, signal, { limit });
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
