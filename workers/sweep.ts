import { isLaneOverdue } from '../src/db/history-lane.ts';
import { claimErasuresToStart } from '../src/db/erasures.ts';
import { claimOverdueSessions, returnOverdueSessions, wakeStuckSessions } from '../src/db/sessions.ts';
import { claimDecisions } from '../src/db/quarantine.ts';
import { findOpenReevaluation } from '../src/db/reevaluations.ts';
import { claimReindexToStart } from '../src/db/reindexes.ts';
import { eachTenant } from '../src/each-tenant.ts';
import { errorForLog } from '../src/observe/log.ts';
import { isPaused } from '../activities/park.ts';
import type { ActivityDependencies } from '../activities/dependencies.ts';
import { startErasure } from '../src/temporal/start-erasure.ts';
import { startDecision, startReevaluation } from '../src/temporal/start-quality.ts';
import { startReindex } from '../src/temporal/start-reindex.ts';
import type { HistoryBell } from '../src/temporal/history-bell.ts';
import type { Ring, RingTarget } from '../src/temporal/ring.ts';
import { inRounds, type Rounds } from './rounds.ts';

/** Sessions rung per round: more would start workflows faster than they close after a long outage. */
const BATCH = 100;

/** How often it is made sure that an index version beside the live one has its workflow. */
const LOOK_AFTER_VERSIONS_MS = 60_000;

/**
 * Rings for sessions that wait although nobody rang: the API committed a record and died, or Temporal did not answer.
 * A record that was acknowledged is thereby never left behind. Any number of processes may sweep.
 */
export function startSweep(deps: ActivityDependencies, ring: Ring, bell: HistoryBell): Rounds {
  let lookAt = 0;
  return inRounds(async () => {
    if (Date.now() >= lookAt) {
      await wakeStuck(deps).catch((error: unknown) => deps.log.warn(errorForLog(error), 'sweep failed'));
      lookAt = Date.now() + deps.dials.get('sweep.stuck_after_ms');
    }
    await sweepOnce(deps, ring, bell).catch((error: unknown) => deps.log.warn(errorForLog(error), 'sweep failed'));
    return deps.dials.get('sweep.interval_ms');
  });
}

/** Answers how many sessions were rung and erasures started. What fails for one tenant is no matter of the others. */
export async function sweepOnce(deps: ActivityDependencies, ring: Ring, bell: HistoryBell): Promise<number> {
  const swept = await eachTenant(deps, 'sweep failed', (tenant) => sweepTenant(deps, ring, bell, tenant));
  return swept.reduce((sum, { result }) => sum + result, await startReindexes(deps));
}

/** Rings last: it is what fails when Temporal is away, and what takes longest then. */
async function sweepTenant(deps: ActivityDependencies, ring: Ring, bell: HistoryBell, tenant: string): Promise<number> {
  const started =
    (await ringLane(deps, bell, tenant)) + (await startErasures(deps, tenant)) + (await startDecisions(deps, tenant));
  return started + (await ringOverdue(deps, ring, tenant));
}

/** What could not be rung, and what it was not come to after that, is as if nobody had tried. */
async function ringOverdue(deps: ActivityDependencies, ring: Ring, tenant: string): Promise<number> {
  const { dials, metrics, log } = deps;
  const { app } = deps.database.forTenant(tenant);
  const ringAfterMs = dials.get('sweep.ring_after_ms');
  const bulkAfterMs = dials.get('pressure.bulk_after_ms');
  const lane = dials.get('history.lane') === 1;
  const overdue = await claimOverdueSessions(app, tenant, ringAfterMs, BATCH, bulkAfterMs, lane);
  let rung = 0;
  try {
    for (const each of overdue) {
      const { session_id: sessionId, channel, customer_key: customerKey, workflow_id: workflowId } = each;
      const workClass = each.history ? 'bulk' : 'live';
      const target: RingTarget = { tenant, sessionId, channel, customerKey, workflowId, workClass };
      await ring(target, dials.get('intake.ring_timeout_ms'));
      rung += 1;
      metrics.rung.inc({ channel, by: 'sweep' });
      log.info({ sessionId, channel }, 'rang for a session that waited');
    }
  } finally {
    const left = overdue.slice(rung).map(({ session_id: sessionId }) => sessionId);
    if (left.length > 0) await returnOverdueSessions(app, tenant, left, ringAfterMs);
  }
  return rung;
}

/** Rings for history that waits although nobody rang, or for long because there is much of it. */
async function ringLane({ database }: ActivityDependencies, bell: HistoryBell, tenant: string): Promise<number> {
  if (!(await isLaneOverdue(database.forTenant(tenant).app, tenant))) return 0;
  return bell.ring(tenant) ? 1 : 0;
}

/** Wakes sessions that sleep with work left, which a run that ended in the middle of it leaves behind. */
async function wakeStuck({ database, dials, log }: ActivityDependencies): Promise<void> {
  await eachTenant({ database, log }, 'sessions that sleep were not woken', async (tenant) => {
    const woken = await wakeStuckSessions(database.forTenant(tenant).app, tenant, dials.get('sweep.stuck_after_ms'));
    if (woken > 0) log.warn({ tenant, rung: woken }, 'woke sessions that slept with work left');
  });
}

/** Starts the workflows of erasures that were written down and not started, or whose workflow was ended from outside. */
async function startErasures(
  { database, temporal, dials, log }: ActivityDependencies,
  tenant: string,
): Promise<number> {
  const open = await claimErasuresToStart(database.forTenant(tenant).app, tenant, BATCH);
  for (const { erasure_id: erasureId } of open) {
    try {
      await startErasure(temporal, { tenant, erasureId }, dials.get('intake.ring_timeout_ms'));
      log.info({ erasureId }, 'made sure that an erasure runs');
    } catch (error) {
      log.warn({ erasureId, ...errorForLog(error) }, 'an erasure could not be started');
    }
  }
  return open.length;
}

/** Carries on with decisions and looks at the past that were written down and not started. */
async function startDecisions(deps: ActivityDependencies, tenant: string): Promise<number> {
  const { database, temporal, dials, log } = deps;
  const { app } = database.forTenant(tenant);
  const waitMs = dials.get('sweep.ring_after_ms');
  const timeoutMs = dials.get('intake.ring_timeout_ms');
  const due = await claimDecisions(app, tenant, waitMs, BATCH, !isPaused(deps, 'embedding'));
  for (const { artifact_id: artifactId, interaction_id: interactionId, customer_key: customerKey } of due) {
    try {
      await startDecision(temporal, { tenant, interactionId, artifactId, customerKey }, timeoutMs);
    } catch (error) {
      log.warn({ interactionId, ...errorForLog(error) }, 'a decision could not be carried out');
    }
  }
  const reevaluationId = await findOpenReevaluation(app, tenant, waitMs);
  if (reevaluationId === undefined) return due.length;
  await startReevaluation(temporal, { tenant, reevaluationId }, timeoutMs).catch((error: unknown) =>
    log.warn({ tenant, ...errorForLog(error) }, 'a re-evaluation could not be started'),
  );
  return due.length;
}

/** Makes sure that somebody builds, or keeps, the index version beside the live one. */
async function startReindexes({ database, temporal, dials, log }: ActivityDependencies): Promise<number> {
  const indexVersion = await claimReindexToStart(database.deployment, LOOK_AFTER_VERSIONS_MS);
  if (indexVersion === undefined) return 0;
  try {
    await startReindex(temporal, indexVersion, dials.get('intake.ring_timeout_ms'));
  } catch (error) {
    log.warn({ indexVersion, ...errorForLog(error) }, 'a re-embedding could not be started');
  }
  return 1;
}
