import { latestBacklog } from './db/backlog-history.ts';
import type { Database } from './db/pools.ts';
import { listTenants } from './db/subjects.ts';
import type { DialReader } from './dial-reader.ts';
import type { Expectation } from './domain/eta.ts';
import type { Modality } from './domain/interaction.ts';

/** How old what is expected may be, beside the sample's own age. */
const REFRESH_MS = 2_000;

/** Reading takes a tenth of the time at the most, however many tenants there are. */
const REST_PER_READ = 9;

/** How long records take now, for whoever is asked when one will be there. */
export interface ExpectationSource {
  /** Undefined where nothing has been measured lately. */
  of(tenant: string, modality: Modality): Expectation | undefined;
}

/** For processes that answer nobody when a record will be there. */
export const NOTHING_EXPECTED: ExpectationSource = { of: () => undefined };

/** Holds the newest forecasts of all tenants in memory, so that a question waits for no further round trip. */
export class ExpectationReader implements ExpectationSource {
  readonly #database: Database;
  readonly #dials: Pick<DialReader, 'get'>;
  #expected: ReadonlyMap<string, Expectation> = new Map();
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  private constructor(database: Database, dials: Pick<DialReader, 'get'>) {
    this.#database = database;
    this.#dials = dials;
  }

  static async open(database: Database, dials: Pick<DialReader, 'get'>): Promise<ExpectationReader> {
    const reader = new ExpectationReader(database, dials);
    await reader.refresh();
    reader.#next(REFRESH_MS);
    return reader;
  }

  of(tenant: string, modality: Modality): Expectation | undefined {
    return this.#expected.get(`${tenant}/${modality}`);
  }

  async refresh(): Promise<void> {
    const expected = new Map<string, Expectation>();
    const maxAgeMs = this.#dials.get('pressure.stale_after_ms');
    for (const tenant of await listTenants(this.#database.deployment)) {
      for (const row of await latestBacklog(this.#database.forTenant(tenant).reader, tenant, maxAgeMs)) {
        expected.set(`${tenant}/${row.modality}`, {
          lagMs: row.expected_lag_ms,
          pickUpMs: row.typical_pick_up_ms,
          textMs: row.typical_text_ms,
          totalMs: row.typical_total_ms,
        });
      }
    }
    this.#expected = expected;
  }

  #next(afterMs: number): void {
    if (this.#closed) return;
    this.#timer = setTimeout(() => {
      const started = performance.now();
      void this.refresh()
        .catch(() => undefined)
        .then(() => this.#next(Math.max(REFRESH_MS, (performance.now() - started) * REST_PER_READ)));
    }, afterMs);
    this.#timer.unref();
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
  }
}
