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
  const selection = selectionOf(deps, erasure, request);
  const { cancelled, terminated } = await endRuns(deps.temporal, selection, deps.dials.get('erasure.drain_ms'), beat);
  await quietSessions(app, erasure);
  return { 'temporal.cancelled': cancelled, 'temporal.terminated': terminated };
}

/** Has the executions deleted, every run of every chain, while their sessions are still known. */
export async function deleteExecutions(deps: ActivityDependencies, request: RunsRequest): Promise<StoreCounts> {
  const erasure = await loadFenced(deps, request);
  return { 'temporal.runs': await deleteRuns(deps.temporal, selectionOf(deps, erasure, request)) };
}

/** Waits until they are gone. Sessions that go on are rung for: a run of theirs may have ended with the rest. */
export async function awaitDeletion(deps: ActivityDependencies, request: RunsRequest): Promise<void> {
  const erasure = await loadFenced(deps, request);
  await awaitNoRuns(deps.temporal, selectionOf(deps, erasure, request), beat);
  await quietSessions(deps.database.forTenant(request.tenant).app, erasure);
}

function selectionOf(
  deps: ActivityDependencies,
  erasure: CustomerErasure,
  { startedBefore }: RunsRequest,
): RunSelection {
  const { tenant, customerKey } = erasure;
  const { app } = deps.database.forTenant(tenant);
  return {
    tenant,
    customerKey,
    startedBefore: new Date(startedBefore),
    sessions: async () =>
      (await sessionWorkflows(app, erasure)).map(({ workflow_id: workflowId, survives }) => ({ workflowId, survives })),
  };
}
