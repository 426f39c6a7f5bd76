import { Context } from '@temporalio/activity';

/** A third of the heartbeat timeout of most steps in workflows/proxies.ts. */
const INTERVAL_MS = 5_000;

/**
 * Runs a step and heartbeats while it lasts, so that a lost worker is noticed in seconds and cancellation arrives. The
 * signal ends the step's calls when the activity is cancelled or its worker shuts down.
 */
export async function withHeartbeat<T>(step: (signal: AbortSignal) => Promise<T>, everyMs = INTERVAL_MS): Promise<T> {
  const context = Context.current();
  const timer = setInterval(() => context.heartbeat(), everyMs);
  try {
    return await step(context.cancellationSignal);
  } finally {
    clearInterval(timer);
  }
}

/** Says that a long step goes on; from within a step only. */
export function beat(): void {
  Context.current().heartbeat();
}

/** The run that asked for this step, for lineage. */
export function currentRun(): { workflowId: string | null; runId: string | null } {
  const execution = Context.current().info.workflowExecution;
  return { workflowId: execution?.workflowId ?? null, runId: execution?.runId ?? null };
}

/** The how many-th attempt of this step it is, from 1. */
export function currentAttempt(): number {
  return Context.current().info.attempt;
}
