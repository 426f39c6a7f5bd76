import { WorkflowIdConflictPolicy, type Client } from '@temporalio/client';
import type { ReconciliationRef, ReconciliationScope } from '../domain/reconciliation.ts';
import { RECONCILIATION_WORKFLOW } from '../domain/workflows.ts';
import { priorityOfTenant } from './priority.ts';
import { tenantAttribute } from './search-attributes.ts';

/** Starts a comparison of one tenant's stores; answers the id of its workflow. */
export async function startReconciliation(
  client: Client,
  ref: ReconciliationRef,
  scope: ReconciliationScope,
  timeoutMs: number,
): Promise<string> {
  const workflowId = `reconcile/${ref.reconciliationId}`;
  await client.withDeadline(Date.now() + timeoutMs, () =>
    client.workflow.start(RECONCILIATION_WORKFLOW, {
      workflowId,
      taskQueue: 'batch',
      args: [{ ...ref, scope }],
      workflowIdConflictPolicy: WorkflowIdConflictPolicy.USE_EXISTING,
      typedSearchAttributes: tenantAttribute(ref.tenant),
      staticSummary: `reconciliation ${ref.reconciliationId}`,
      priority: priorityOfTenant(ref.tenant, 'live'),
    }),
  );
  return workflowId;
}
