import { quietSessions, sessionWorkflows, type CustomerErasure } from '../../src/db/erased-rows.ts';
import type { RunsRequest } from '../../src/domain/activities.ts';
import type { StoreCounts } from '../../src/domain/erasure.ts';
import { awaitNoRuns, deleteRuns, endRuns, type RunSelection } from '../../src/temporal/customer-runs.ts';
import type { ActivityDependencies } from '../dependencies.ts';
import { beat } from '../heartbeat.ts';
import { loadFenced } from './erasure.ts';

/** Ends the customer's running workflows; what they were doing is finished or refused by the fence. */
export async function stopRuns(deps: ActivityDependencies, request: RunsRequest): Promise<StoreCounts> {
  const erasure = await loadFenced(deps, request);
  const { app } = deps.database.forTenant(request.tenant);
  await quietSessions(app, erasure);
  const selection = await selectionOf(deps, erasure, request);
  const ended = await endRuns(deps.temporal, selection, deps.dials.get('erasure.drain_ms'), beat);
  // Once more: a run that ended in between may have left its session awake.
  await quietSessions(app, erasure);
  return { 'temporal.cancelled': ended.cancelled, 'temporal.terminated': ended.terminated };
}

/** Has the executions deleted, every run of every chain, while their sessions are still known. */
export async function deleteExecutions(deps: ActivityDependencies, request: RunsRequest): Promise<StoreCounts> {
  const erasure = await loadFenced(deps, request);
  return { 'temporal.runs': await deleteRuns(deps.temporal, await selectionOf(deps, erasure, request)) };
}

/** Waits until they are gone. */
export async function awaitDeletion(deps: ActivityDependencies, request: RunsRequest): Promise<void> {
  const erasure = await loadFenced(deps, request);
  await awaitNoRuns(deps.temporal, await selectionOf(deps, erasure, request), beat);
}

/** Runs of sessions that go on with newer records are kept, if they began after the erasure. */
async function selectionOf(
  deps: ActivityDependencies,
  erasure: CustomerErasure,
  { startedBefore }: RunsRequest,
): Promise<RunSelection> {
  const { tenant, customerKey } = erasure;
  const sessions = await sessionWorkflows(deps.database.forTenant(tenant).app, erasure);
  return {
    tenant,
    customerKey,
    workflowIds: sessions.map(({ workflow_id }) => workflow_id),
    survivors: new Set(sessions.filter(({ survives }) => survives).map(({ workflow_id }) => workflow_id)),
    startedBefore: new Date(startedBefore),
  };
}
