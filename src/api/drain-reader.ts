import { latestBacklog } from '../db/backlog-history.ts';
import type { Database } from '../db/pools.ts';

/** What waits for a tenant's records to become reachable. */
export interface Drain {
  /** Null when nobody has counted lately. */
  readonly waiting: number | null;
  /** How long what waits takes at the pace of the last minutes, in milliseconds; null when that cannot be told. */
  readonly drainMs: number | null;
}

/** An answer is used again for so long: only who is refused asks, and then many do. */
const GOOD_FOR_MS = 1_000;

/** An older sample says nothing of now. */
const LATELY_MS = 120_000;

/** How long a tenant's backlog takes to drain, from the last sample of it. */
export class DrainReader {
  readonly #database: Pick<Database, 'forTenant'>;
  readonly #looks = new Map<string, { readonly at: number; readonly drain: Promise<Drain> }>();

  constructor(database: Pick<Database, 'forTenant'>) {
    this.#database = database;
  }

  look(tenant: string): Promise<Drain> {
    const last = this.#looks.get(tenant);
    if (last !== undefined && performance.now() - last.at < GOOD_FOR_MS) return last.drain;
    const drain = this.#read(tenant);
    this.#looks.set(tenant, { at: performance.now(), drain });
    return drain;
  }

  /** Who is refused is told so also when the database does not answer. */
  async #read(tenant: string): Promise<Drain> {
    const rows = await latestBacklog(this.#database.forTenant(tenant).reader, tenant, LATELY_MS).catch(() => []);
    if (rows.length === 0) return { waiting: null, drainMs: null };
    // The slowest modality: they drain side by side.
    const times = rows
      .filter(({ waiting }) => waiting > 0)
      .map(({ waiting, completed_per_second: pace }) => (pace === null || pace <= 0 ? Infinity : waiting / pace));
    return {
      waiting: rows.reduce((sum, { waiting }) => sum + waiting, 0),
      drainMs: times.length === 0 ? 0 : 1_000 * Math.max(...times),
    };
  }
}
