import { WorkflowExecutionAlreadyStartedError, WorkflowIdConflictPolicy, type Client } from '@temporalio/client';
import type { Channel } from '../domain/interaction.ts';
import type { WorkClass } from '../domain/work-class.ts';
import { RING_SIGNAL, WORKFLOW_TYPE, type ConversationRef, type SessionRef } from '../domain/workflows.ts';
import { priorityOf } from './priority.ts';
import { searchAttributes } from './search-attributes.ts';

/** A session whose workflow is to look into the log. */
export interface RingTarget extends SessionRef {
  readonly channel: Channel;
  readonly customerKey: string;
  readonly workflowId: string;
  /** The record woke the session: most likely no run of it is open. */
  readonly woken?: boolean;
  /** Of the record that rings; what rings for a session that runs already changes nothing. By default that of the ring. */
  readonly workClass?: WorkClass;
}

export type Ring = (target: RingTarget, timeoutMs: number) => Promise<void>;

/**
 * Starts the session's workflow, or signals it when it runs. Ringing twice is harmless: the workflow finds what there
 * is to do in the database.
 *
 * A session that was asleep is started, and its first task comes with the answer to the worker of this process if there
 * is one: no queue, no poll. Only a start can ask for that. If the run before has not closed yet it is signalled, which
 * keeps it from closing unheard.
 */
export function ringVia(client: Client, ofRing: WorkClass = 'live'): Ring {
  return (target, timeoutMs) =>
    client.withDeadline(Date.now() + timeoutMs, async () => {
      const options = startOptions(target, target.workClass ?? ofRing);
      if (target.woken !== true || !(await start(client, target, options))) await signal(client, target, options);
    });
}

/** Answers whether it started: not when a run is open. */
async function start(client: Client, { channel }: RingTarget, options: StartOptions): Promise<boolean> {
  try {
    await client.workflow.start(WORKFLOW_TYPE[channel], {
      ...options,
      workflowIdConflictPolicy: WorkflowIdConflictPolicy.FAIL,
      requestEagerStart: true,
    });
    return true;
  } catch (error) {
    if (error instanceof WorkflowExecutionAlreadyStartedError) return false;
    throw error;
  }
}

async function signal(client: Client, { channel }: RingTarget, options: StartOptions): Promise<void> {
  await client.workflow.signalWithStart(WORKFLOW_TYPE[channel], {
    ...options,
    workflowIdConflictPolicy: WorkflowIdConflictPolicy.USE_EXISTING,
    signal: RING_SIGNAL,
    signalArgs: [],
  });
}

type StartOptions = ReturnType<typeof startOptions>;

function startOptions(target: RingTarget, workClass: WorkClass) {
  const { tenant, sessionId, channel, customerKey, workflowId } = target;
  // A step within the task has no priority of its own: history goes by a queue, behind what is live.
  const atOnce = channel === 'chat' && workClass === 'live';
  const input: ConversationRef = { tenant, sessionId, ...(atOnce ? { inOneTask: true } : {}) };
  return {
    workflowId,
    taskQueue: 'intake',
    args: [input],
    typedSearchAttributes: searchAttributes(tenant, channel, customerKey),
    staticSummary: `${channel} ${sessionId}`,
    priority: priorityOf({ tenant, channel, customerKey }, workClass),
  };
}
