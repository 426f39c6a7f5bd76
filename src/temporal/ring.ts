import { WorkflowIdConflictPolicy, type Client } from '@temporalio/client';
import type { Priority } from '@temporalio/common';
import type { Channel } from '../domain/interaction.ts';
import { RING_SIGNAL, WORKFLOW_TYPE, type SessionRef } from '../domain/workflows.ts';
import { searchAttributes } from './search-attributes.ts';

/** A session whose workflow is to look into the log. */
export interface RingTarget extends SessionRef {
  readonly channel: Channel;
  readonly customerKey: string;
  readonly workflowId: string;
}

export type Ring = (target: RingTarget, timeoutMs: number) => Promise<void>;

/** Of what nobody waits for: a queue hands it out after all else. Steps inherit it from their workflow. */
export const LOW_PRIORITY: Priority = { priorityKey: 5 };

/**
 * Starts the session's workflow, or signals it when it runs. Ringing twice is harmless: the workflow finds what there
 * is to do in the database.
 */
export function ringVia(client: Client, priority?: Priority): Ring {
  return async ({ tenant, sessionId, channel, customerKey, workflowId }, timeoutMs) => {
    const input: SessionRef = { tenant, sessionId };
    await client.withDeadline(Date.now() + timeoutMs, () =>
      client.workflow.signalWithStart(WORKFLOW_TYPE[channel], {
        workflowId,
        taskQueue: 'intake',
        args: [input],
        signal: RING_SIGNAL,
        signalArgs: [],
        workflowIdConflictPolicy: WorkflowIdConflictPolicy.USE_EXISTING,
        typedSearchAttributes: searchAttributes(tenant, channel, customerKey),
        staticSummary: `${channel} ${sessionId}`,
        ...(priority === undefined ? {} : { priority }),
      }),
    );
  };
}
