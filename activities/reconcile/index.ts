import { countUnreachable } from '../../src/db/reconcile-repairs.ts';
import { nextAcceptedAt } from '../../src/db/reconciled-rows.ts';
import { closeReconciliation, openReconciliation, wasAllCompared } from '../../src/db/reconciliations.ts';
import { eachTenant } from '../../src/each-tenant.ts';
import type { OpenedReconciliation, ReconciliationActivities } from '../../src/domain/activities.ts';
import { reconciliationIdOf } from '../../src/domain/ids.ts';
import type { ReconciliationRef, ReconciliationReport, ReconciliationScope } from '../../src/domain/reconciliation.ts';
import type { ActivityDependencies } from '../dependencies.ts';
import { currentRun, withHeartbeat } from '../heartbeat.ts';
import { checkIndexes } from './indexes.ts';
import { compareObjects } from './objects.ts';
import { compareSlice } from './slice.ts';
import { judgeReport } from './violations.ts';

/** The steps of a reconciliation, on the queue of long steps. */
export function reconciliationActivities(deps: ActivityDependencies): ReconciliationActivities {
  return {
    openReconciliations: (given) => withHeartbeat(() => openAll(deps, given)),
    checkIndexes: (ref) => withHeartbeat((signal) => checkIndexes(deps, ref, signal)),
    compareSlice: ({ ref, slice }) => withHeartbeat((signal) => compareSlice(deps, ref, slice, signal)),
    compareObjects: (ref) => withHeartbeat((signal) => compareObjects(deps, ref, signal)),
    awaitReopened: ({ ref, interactionIds }) =>
      withHeartbeat((signal) => awaitReopened(deps, ref, interactionIds, signal)),
    closeReconciliation: ({ ref, report }) => withHeartbeat(() => close(deps, ref, report)),
  };
}

async function openAll(
  deps: ActivityDependencies,
  given: (ReconciliationRef & { readonly scope: ReconciliationScope }) | null,
): Promise<readonly OpenedReconciliation[]> {
  if (given !== null) return [await open(deps, given, given.scope)];
  const runId = currentRun().runId ?? '';
  const opened = await eachTenant(deps, 'stores were not compared', async (tenant) => {
    const { app } = deps.database.forTenant(tenant);
    const ref = { tenant, reconciliationId: reconciliationIdOf(tenant, runId) };
    const recent = await wasAllCompared(app, tenant, deps.dials.get('reconcile.all_every_ms'));
    return open(deps, ref, recent ? 'recent' : 'all');
  });
  return opened.map(({ result }) => result);
}

async function open(
  deps: ActivityDependencies,
  { tenant, reconciliationId }: ReconciliationRef,
  scope: ReconciliationScope,
): Promise<OpenedReconciliation> {
  const { app } = deps.database.forTenant(tenant);
  await openReconciliation(app, { tenant, reconciliationId }, scope);
  const recentMs = deps.dials.get('reconcile.recent_hours') * 3_600_000;
  const earliest = scope === 'all' ? '-infinity' : new Date(Date.now() - recentMs).toISOString();
  const from = await nextAcceptedAt(app, tenant, earliest);
  const to = new Date().toISOString();
  return { tenant, reconciliationId, whole: from === null ? null : { from: from.toISOString(), to } };
}

/** How often it is looked whether workflows have made anew what they were handed back. */
const LOOK_EVERY_MS = 500;

async function awaitReopened(
  deps: ActivityDependencies,
  { tenant }: ReconciliationRef,
  interactionIds: readonly string[],
  signal: AbortSignal,
): Promise<Partial<ReconciliationReport>> {
  const deadline = Date.now() + deps.dials.get('reconcile.repair_wait_ms');
  const { app } = deps.database.forTenant(tenant);
  for (;;) {
    const waiting = await countUnreachable(app, tenant, interactionIds);
    if (waiting === 0 || Date.now() > deadline) {
      const done = interactionIds.length - waiting;
      return {
        repaired: done === 0 ? {} : { artifact: done },
        unrepairable: waiting === 0 ? {} : { not_made_anew: waiting },
      };
    }
    signal.throwIfAborted();
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
  }
}

async function close(deps: ActivityDependencies, ref: ReconciliationRef, report: ReconciliationReport): Promise<void> {
  const { app } = deps.database.forTenant(ref.tenant);
  await judgeReport(app, ref.tenant, report);
  await closeReconciliation(app, ref, report);
  const { buckets: _buckets, ...found } = report;
  deps.log.info({ tenant: ref.tenant, code: Object.keys(found.missing).join(' ') }, 'stores were compared');
}
