import { WorkflowIdConflictPolicy, type Client } from '@temporalio/client';
import type { ErasureRef } from '../domain/erasure.ts';
import { CANCEL_ERASURE_UPDATE, ERASURE_WORKFLOW, erasureWorkflowId } from '../domain/workflows.ts';
import { tenantAttribute } from './search-attributes.ts';

/** Starts an erasure's workflow, unless it runs. What it needs to know is in the ledger. */
export async function startErasure(
  client: Client,
  { tenant, erasureId }: ErasureRef,
  timeoutMs: number,
): Promise<void> {
  const input: ErasureRef = { tenant, erasureId };
  await client.withDeadline(Date.now() + timeoutMs, () =>
    client.workflow.start(ERASURE_WORKFLOW, {
      workflowId: erasureWorkflowId(erasureId),
      taskQueue: 'batch',
      args: [input],
      workflowIdConflictPolicy: WorkflowIdConflictPolicy.USE_EXISTING,
      typedSearchAttributes: tenantAttribute(tenant),
      staticSummary: `erasure ${erasureId}`,
    }),
  );
}

/** Cancels an erasure by Update. @throws WorkflowUpdateFailedError once it has begun. */
export async function cancelByUpdate(client: Client, erasureId: string, timeoutMs: number): Promise<void> {
  await client.withDeadline(Date.now() + timeoutMs, () =>
    client.workflow.getHandle(erasureWorkflowId(erasureId)).executeUpdate(CANCEL_ERASURE_UPDATE),
  );
}
