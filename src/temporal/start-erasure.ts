import { WorkflowIdConflictPolicy, type Client } from '@temporalio/client';
import type { ErasureRef, StoreCounts } from '../domain/erasure.ts';
import {
  CANCEL_ERASURE_UPDATE,
  ERASURE_WORKFLOW,
  erasureWorkflowId,
  VERIFICATION_WORKFLOW,
} from '../domain/workflows.ts';
import { priorityOfTenant } from './priority.ts';
import { tenantAttribute } from './search-attributes.ts';

/** Starts an erasure's workflow, unless it runs. What it needs to know is in the ledger. */
export function startErasure(client: Client, erasure: ErasureRef, timeoutMs: number): Promise<void> {
  return start(client, erasure, timeoutMs, WorkflowIdConflictPolicy.USE_EXISTING);
}

/** Starts it from its beginning: one that runs has done its first steps in a database that is no more. */
export function restartErasure(client: Client, erasure: ErasureRef, timeoutMs: number): Promise<void> {
  return start(client, erasure, timeoutMs, WorkflowIdConflictPolicy.TERMINATE_EXISTING);
}

async function start(
  client: Client,
  { tenant, erasureId }: ErasureRef,
  timeoutMs: number,
  workflowIdConflictPolicy: WorkflowIdConflictPolicy,
): Promise<void> {
  const input: ErasureRef = { tenant, erasureId };
  await client.withDeadline(Date.now() + timeoutMs, () =>
    client.workflow.start(ERASURE_WORKFLOW, {
      workflowId: erasureWorkflowId(erasureId),
      taskQueue: 'batch',
      args: [input],
      workflowIdConflictPolicy,
      typedSearchAttributes: tenantAttribute(tenant),
      staticSummary: `erasure ${erasureId}`,
      priority: priorityOfTenant(tenant, 'live'),
    }),
  );
}

/** Looks for what an erasure should have taken, and answers what is there, by store. */
export async function verifyAgain(
  client: Client,
  { tenant, erasureId }: ErasureRef,
  timeoutMs: number,
): Promise<StoreCounts> {
  const input: ErasureRef = { tenant, erasureId };
  return client.withDeadline(Date.now() + timeoutMs, () =>
    client.workflow.execute<(ref: ErasureRef) => Promise<StoreCounts>>(VERIFICATION_WORKFLOW, {
      workflowId: `verify/${erasureId}`,
      taskQueue: 'batch',
      args: [input],
      workflowIdConflictPolicy: WorkflowIdConflictPolicy.USE_EXISTING,
      typedSearchAttributes: tenantAttribute(tenant),
      staticSummary: `verification of erasure ${erasureId}`,
      priority: priorityOfTenant(tenant, 'live'),
    }),
  );
}

/** Cancels an erasure by Update. @throws WorkflowUpdateFailedError once it has begun. */
export async function cancelByUpdate(client: Client, erasureId: string, timeoutMs: number): Promise<void> {
  await client.withDeadline(Date.now() + timeoutMs, () =>
    client.workflow.getHandle(erasureWorkflowId(erasureId)).executeUpdate(CANCEL_ERASURE_UPDATE),
  );
}
