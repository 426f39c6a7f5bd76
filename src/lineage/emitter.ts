import { setTimeout } from 'node:timers/promises';
import { claimEvents, dropOldestEvents, keepEvents, releaseEvents } from '../db/lineage-outbox.ts';
import type { Database, Queryable } from '../db/pools.ts';
import { listTenants } from '../db/subjects.ts';
import type { DialReader } from '../dial-reader.ts';
import { DEPLOYMENT_TENANT } from '../domain/tenant.ts';
import { errorForLog, type Logger } from '../observe/log.ts';
import type { Metrics } from '../observe/metrics.ts';
import type { RunEvent, RunEvents } from './run-events.ts';
import type { Transport } from './transports.ts';

/** Tells what the steps of this process did. Handing an event over costs no more than writing it down in memory. */
export interface Lineage {
  /** Undefined where nobody collects events: then none are made. */
  readonly events: RunEvents | undefined;
  /** @param tenant null for what was done for the whole deployment. */
  emit(tenant: string | null, ...events: RunEvent[]): void;
  close(): Promise<void>;
}

export const NO_LINEAGE: Lineage = { events: undefined, emit: () => undefined, close: () => Promise.resolve() };

export interface EmitterDependencies {
  readonly database: Database;
  readonly dials: DialReader;
  readonly metrics: Metrics;
  readonly log: Logger;
}

/** Events in memory while Postgres does not answer: some 20 MB. */
const BUFFER_MAX = 10_000;

/** Events taken at a time, and how long a process may be sending them: each waits for the collector 5 s at most. */
const BATCH = 50;
const LEASE_MS = 5 * 60_000;

const BACKOFF_MAX_MS = 60_000;

/**
 * From memory to the outbox, from there to the collector, in the background: an outage of either delays no step. What
 * waits is in Postgres, so only a kill loses events, those since the last flush.
 */
export class LineageEmitter implements Lineage {
  readonly events: RunEvents;
  readonly #deps: EmitterDependencies;
  readonly #transport: Transport;
  readonly #stopping = new AbortController();
  readonly #running: Promise<void>;
  #buffer: { readonly tenant: string; readonly event: RunEvent }[] = [];
  #backoffMs = 0;
  #sendAfter = 0;

  constructor(deps: EmitterDependencies, events: RunEvents, transport: Transport) {
    this.#deps = deps;
    this.events = events;
    this.#transport = transport;
    this.#running = this.#run();
  }

  emit(tenant: string | null, ...events: RunEvent[]): void {
    // What is of no one tenant waits in the outbox of the deployment's own.
    this.#buffer.push(...events.map((event) => ({ tenant: tenant ?? DEPLOYMENT_TENANT, event })));
    const excess = this.#buffer.length - BUFFER_MAX;
    if (excess <= 0) return;
    this.#buffer.splice(0, excess);
    this.#deps.metrics.lineageEvents.inc({ outcome: 'dropped' }, excess);
  }

  /** Keeps what is in memory; what waits is sent by another process or after the next start. */
  async close(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
    await this.#keep().catch((error: unknown) => this.#warn(error));
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      await setTimeout(this.#deps.dials.get('lineage.flush_interval_ms'), undefined, { signal }).catch(() => undefined);
      await this.#flush().catch((error: unknown) => this.#warn(error));
    }
  }

  #warn(error: unknown): void {
    this.#deps.log.warn(errorForLog(error), 'lineage events wait');
  }

  async #flush(): Promise<void> {
    await this.#keep();
    if (Date.now() < this.#sendAfter) return;
    const { database } = this.#deps;
    let waiting = await listTenants(database.deployment);
    // Tenants take turns: one whose events are many does not hold up those of the others.
    while (waiting.length > 0 && !this.#stopping.signal.aborted) {
      const more: string[] = [];
      for (const tenant of waiting) {
        if ((await this.#sendBatch(database.forTenant(tenant).app, tenant)) === BATCH) more.push(tenant);
      }
      waiting = more;
    }
  }

  async #keep(): Promise<void> {
    const taken = this.#buffer;
    this.#buffer = [];
    const byTenant = Map.groupBy(taken, ({ tenant }) => tenant);
    for (const [tenant, all] of byTenant) {
      try {
        const { app } = this.#deps.database.forTenant(tenant);
        await keepEvents(
          app,
          tenant,
          all.map(({ event }) => event),
        );
        byTenant.delete(tenant);
      } catch (error) {
        this.#buffer = [...[...byTenant.values()].flat(), ...this.#buffer];
        throw error;
      }
    }
  }

  /** Answers how many were sent or refused for good. */
  async #sendBatch(app: Queryable, tenant: string): Promise<number> {
    const claimed = await claimEvents(app, tenant, BATCH, LEASE_MS);
    if (claimed.length === 0) return 0;
    const done: string[] = [];
    for (const { event_id: id, event } of claimed) {
      const delivery = this.#stopping.signal.aborted ? 'later' : await this.#transport(event);
      if (delivery === 'later') break;
      this.#deps.metrics.lineageEvents.inc({ outcome: delivery });
      done.push(id);
    }
    await releaseEvents(
      app,
      tenant,
      claimed.map(({ event_id: id }) => id),
      done,
    );
    await this.#afterBatch(app, tenant, done.length === claimed.length);
    return done.length;
  }

  async #afterBatch(app: Queryable, tenant: string, allDone: boolean): Promise<void> {
    const { dials, metrics } = this.#deps;
    this.#backoffMs = allDone ? 0 : Math.min(Math.max(this.#backoffMs * 2, 500), BACKOFF_MAX_MS);
    this.#sendAfter = Date.now() + this.#backoffMs;
    if (allDone) return;
    const dropped = await dropOldestEvents(app, tenant, dials.get('lineage.outbox_max_events'));
    if (dropped > 0) metrics.lineageEvents.inc({ outcome: 'dropped' }, dropped);
  }
}
