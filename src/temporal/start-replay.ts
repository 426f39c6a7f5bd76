import { WorkflowIdConflictPolicy, WorkflowNotFoundError, type Client } from '@temporalio/client';
import type { ReplayRef } from '../domain/replay.ts';
import { REPLAY_WORKFLOW, replayWorkflowId } from '../domain/workflows.ts';
import { EarshotError } from '../domain/errors.ts';
import { priorityOfTenant } from './priority.ts';
import { tenantAttribute } from './search-attributes.ts';

/** Starts a replay's workflow, unless it runs. What it needs to know is in its row. Live work comes first. */
export async function startReplay(client: Client, { tenant, replayId }: ReplayRef, timeoutMs: number): Promise<void> {
  const input: ReplayRef = { tenant, replayId };
  await client.withDeadline(Date.now() + timeoutMs, () =>
    client.workflow.start(REPLAY_WORKFLOW, {
      workflowId: replayWorkflowId(replayId),
      taskQueue: 'batch',
      args: [input],
      workflowIdConflictPolicy: WorkflowIdConflictPolicy.USE_EXISTING,
      typedSearchAttributes: tenantAttribute(tenant),
      staticSummary: `replay ${replayId}`,
      priority: priorityOfTenant(tenant, 'reprocessing'),
    }),
  );
}

/** Tells a replay something. @throws EarshotError `conflict` when it has come to its end. */
export async function signalReplay(client: Client, replayId: string, signal: string, timeoutMs: number): Promise<void> {
  try {
    await client.withDeadline(Date.now() + timeoutMs, () =>
      client.workflow.getHandle(replayWorkflowId(replayId)).signal(signal),
    );
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) throw new EarshotError('conflict', 'the replay has come to its end');
    throw new EarshotError('overloaded', 'the workflow of this replay does not answer yet', { cause: error });
  }
}
