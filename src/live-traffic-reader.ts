import { findLiveTraffic } from './db/live-traffic.ts';
import type { Database } from './db/pools.ts';
import { listTenants } from './db/subjects.ts';
import type { LiveTraffic } from './domain/yielding.ts';

/** A session for which nothing has come in for longer must not slow background work for as long as it is awake. */
const STUCK_AFTER_MS = 60_000;

/** Looking takes a fifth of the time at the most, however many tenants there are. */
const REST_PER_LOOK = 4;

const TENANTS_REFRESH_MS = 10_000;

/**
 * Looks whether live traffic goes on, in whichever process it does: the database knows all of it, and earlier than the
 * endpoint, for a session is awake from the moment in which its message is accepted.
 */
export class LiveTrafficReader {
  readonly #database: Database;
  #tenants: readonly string[] = [];
  #tenantsUntil = -Infinity;
  /** Of the process's own clock. */
  #seenAt = -Infinity;
  #waiting = false;
  #goodUntil = -Infinity;

  constructor(database: Database) {
    this.#database = database;
  }

  async look(): Promise<LiveTraffic> {
    const started = performance.now();
    if (started >= this.#goodUntil) {
      this.#waiting = await this.#someoneWaits();
      const ended = performance.now();
      this.#goodUntil = ended + REST_PER_LOOK * (ended - started);
    }
    const quietMs = performance.now() - this.#seenAt;
    return { waiting: this.#waiting, quietMs: Number.isFinite(quietMs) ? quietMs : null };
  }

  /** Ends with the first tenant of whom a message waits, and begins with that one the next time. */
  async #someoneWaits(): Promise<boolean> {
    for (const tenant of await this.#listTenants()) {
      const { app } = this.#database.forTenant(tenant);
      const { waiting, awake, asked_ms_ago: askedMsAgo } = await findLiveTraffic(app, tenant, STUCK_AFTER_MS);
      const seenMsAgo = awake ? 0 : (askedMsAgo ?? Infinity);
      this.#seenAt = Math.max(this.#seenAt, performance.now() - seenMsAgo);
      if (!waiting) continue;
      this.#tenants = [tenant, ...this.#tenants.filter((each) => each !== tenant)];
      return true;
    }
    return false;
  }

  async #listTenants(): Promise<readonly string[]> {
    if (performance.now() < this.#tenantsUntil) return this.#tenants;
    this.#tenants = await listTenants(this.#database.deployment);
    this.#tenantsUntil = performance.now() + TENANTS_REFRESH_MS;
    return this.#tenants;
  }
}
