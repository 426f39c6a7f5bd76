import { setTimeout as delay } from 'node:timers/promises';
import { WorkflowIdConflictPolicy, type Client } from '@temporalio/client';
import { HISTORY_WORKFLOW, historyWorkflowId, RING_SIGNAL, type HistoryLaneInput } from '../domain/workflows.ts';
import { priorityOfTenant } from './priority.ts';
import { tenantAttribute } from './search-attributes.ts';

/** Starts the run of a tenant's lane of history, or signals the one that is open. Ringing twice is harmless. */
export async function ringForHistory(client: Client, tenant: string, timeoutMs: number): Promise<void> {
  const ring = { ...startOptions(tenant), signal: RING_SIGNAL, signalArgs: [] as [] };
  await client.withDeadline(Date.now() + timeoutMs, () => client.workflow.signalWithStart(HISTORY_WORKFLOW, ring));
}

/**
 * Starts the run of a tenant's lane of history unless one is open, which hears nothing of it: what it does not find itself
 * is still there when it has closed. A run that waits for a model for hours would otherwise fill with signals.
 */
export async function startHistory(client: Client, tenant: string, timeoutMs: number): Promise<void> {
  await client.withDeadline(Date.now() + timeoutMs, () =>
    client.workflow.start(HISTORY_WORKFLOW, startOptions(tenant)),
  );
}

function startOptions(tenant: string) {
  const input: HistoryLaneInput = { tenant };
  return {
    workflowId: historyWorkflowId(tenant),
    taskQueue: 'intake',
    args: [input] as [HistoryLaneInput],
    workflowIdConflictPolicy: WorkflowIdConflictPolicy.USE_EXISTING,
    typedSearchAttributes: tenantAttribute(tenant),
    staticSummary: `history of ${tenant}`,
    priority: priorityOfTenant(tenant, 'bulk'),
  };
}

export interface HistoryBellOptions {
  /** Rings for a tenant's lane; fails when it is not heard. */
  readonly ring: (tenant: string) => Promise<void>;
  /** How often at most a lane is rung. */
  readonly everyMs: () => number;
  onRung(tenant: string): void;
  /** It is left to the sweep. */
  onFailed(error: unknown): void;
}

interface Pending {
  readonly rung: Promise<void>;
  /** Somebody rang since. */
  again: boolean;
}

/**
 * The bell of the lanes of history. A tenant's first ring goes at once; those that follow within the interval are one
 * ring at its end: thousands of conversations that wake cost the server some signals. Nobody waits for it.
 */
export class HistoryBell {
  readonly #options: HistoryBellOptions;
  readonly #pending = new Map<string, Pending>();
  readonly #hurry = new AbortController();

  constructor(options: HistoryBellOptions) {
    this.#options = options;
  }

  /** Answers whether it rings at once; else it does so at the end of the interval, once for all who asked. */
  ring(tenant: string): boolean {
    const pending = this.#pending.get(tenant);
    if (pending === undefined) this.#pending.set(tenant, { rung: this.#ringUntilQuiet(tenant), again: false });
    else pending.again = true;
    return pending === undefined;
  }

  /** Rings at once what is left to ring, and waits for it; what rings later is left to the sweep. */
  async close(): Promise<void> {
    this.#hurry.abort();
    await Promise.all([...this.#pending.values()].map(({ rung }) => rung));
  }

  async #ringUntilQuiet(tenant: string): Promise<void> {
    do {
      await this.#ringOnce(tenant);
      await this.#interval();
    } while (this.#takeAgain(tenant));
    this.#pending.delete(tenant);
  }

  #takeAgain(tenant: string): boolean {
    const pending = this.#pending.get(tenant);
    if (pending?.again !== true) return false;
    pending.again = false;
    return true;
  }

  async #ringOnce(tenant: string): Promise<void> {
    try {
      await this.#options.ring(tenant);
      this.#options.onRung(tenant);
    } catch (error) {
      this.#options.onFailed(error);
    }
  }

  #interval(): Promise<void> {
    return delay(this.#options.everyMs(), undefined, { signal: this.#hurry.signal, ref: false }).catch(() => undefined);
  }
}
