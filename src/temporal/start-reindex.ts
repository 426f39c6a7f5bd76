import { WorkflowIdConflictPolicy, type Client } from '@temporalio/client';
import type { ActivationOutcome, VersionRef } from '../domain/activities.ts';
import {
  ACTIVATE_UPDATE,
  MAINTAIN_INDEX_WORKFLOW,
  REINDEX_WORKFLOW,
  reindexWorkflowId,
  type CANCEL_SIGNAL,
  type PAUSE_SIGNAL,
  type RESUME_SIGNAL,
} from '../domain/workflows.ts';

function optionsOf(indexVersion: number) {
  const input: VersionRef = { indexVersion };
  return {
    workflowId: reindexWorkflowId(indexVersion),
    taskQueue: 'batch',
    args: [input],
    workflowIdConflictPolicy: WorkflowIdConflictPolicy.USE_EXISTING,
    staticSummary: `index version ${indexVersion}`,
    priority: { priorityKey: 5 },
  };
}

/** Starts the workflow that builds, or keeps, a version, unless it runs. What it needs to know is in the database. */
export async function startReindex(client: Client, indexVersion: number, timeoutMs: number): Promise<void> {
  await client.withDeadline(Date.now() + timeoutMs, () =>
    client.workflow.start(REINDEX_WORKFLOW, optionsOf(indexVersion)),
  );
}

/** Tells that workflow something, and starts it if it was ended from outside. */
export async function signalReindex(
  client: Client,
  indexVersion: number,
  signal: typeof PAUSE_SIGNAL | typeof RESUME_SIGNAL | typeof CANCEL_SIGNAL,
  timeoutMs: number,
): Promise<void> {
  await client.withDeadline(Date.now() + timeoutMs, () =>
    client.workflow.signalWithStart(REINDEX_WORKFLOW, { ...optionsOf(indexVersion), signal, signalArgs: [] }),
  );
}

/** Asks the workflow that keeps two versions to switch to one of them, and waits for what comes of it. */
export async function activateVersion(
  client: Client,
  keeper: number,
  indexVersion: number,
  timeoutMs: number,
): Promise<ActivationOutcome> {
  return client.withDeadline(Date.now() + timeoutMs, async () => {
    await client.workflow.start(REINDEX_WORKFLOW, optionsOf(keeper));
    return client.workflow
      .getHandle(reindexWorkflowId(keeper))
      .executeUpdate<ActivationOutcome, [number]>(ACTIVATE_UPDATE, { args: [indexVersion] });
  });
}

/** Has an index built anew; a second request while that goes on is the same. Answers the workflow. */
export async function startRebuild(client: Client, indexVersion: number, timeoutMs: number): Promise<string> {
  const workflowId = `rebuild/${indexVersion}`;
  await client.withDeadline(Date.now() + timeoutMs, () =>
    client.workflow.start(MAINTAIN_INDEX_WORKFLOW, {
      workflowId,
      taskQueue: 'batch',
      args: [indexVersion],
      workflowIdConflictPolicy: WorkflowIdConflictPolicy.USE_EXISTING,
      staticSummary: `rebuild of index version ${indexVersion}`,
      priority: { priorityKey: 5 },
    }),
  );
  return workflowId;
}
