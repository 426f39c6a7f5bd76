import { setTimeout as delay } from 'node:timers/promises';
import { countWaiting, type WaitingRow } from '../db/waiting.ts';
import type { Brake } from '../brake.ts';
import type { Database } from '../db/pools.ts';
import type { DialReader } from '../dial-reader.ts';
import { freshnessBudgets } from '../freshness-budgets.ts';

/** How often the backlog is looked at. */
const LOOK_MS = 1_000;

/**
 * How fast history may come in. Live records share the models with it and must keep their budget: an import is held to
 * a rate, and stops for as long as much waits, or some of it for long, whoever sent it. What waits for a paused source
 * takes nothing from anybody, and has a bound of its own. Under pressure it slows to nothing, as reprocessing does.
 */
export class Pace {
  readonly #database: Database;
  readonly #dials: Pick<DialReader, 'get'>;
  readonly #brake: Pick<Brake, 'pass' | 'wait'>;
  readonly #tenant: string;
  readonly #onPause: (why: string) => void;
  #nextAt = 0;
  #lookedAt = 0;

  constructor(
    {
      database,
      dials,
      brake,
    }: { database: Database; dials: Pick<DialReader, 'get'>; brake: Pick<Brake, 'pass' | 'wait'> },
    tenant: string,
    onPause: (why: string) => void,
  ) {
    this.#database = database;
    this.#dials = dials;
    this.#brake = brake;
    this.#tenant = tenant;
    this.#onPause = onPause;
  }

  /** Waits for the turn of the next record. */
  async turn(): Promise<void> {
    if (!this.#brake.pass()) {
      this.#onPause('history waits until live records are under less pressure');
      await this.#brake.wait();
    }
    await this.#untilThereIsRoom();
    const now = performance.now();
    this.#nextAt = Math.max(this.#nextAt, now) + 1_000 / this.#dials.get('import.max_records_per_second');
    if (this.#nextAt > now) await delay(this.#nextAt - now);
  }

  async #untilThereIsRoom(): Promise<void> {
    if (performance.now() < this.#lookedAt + LOOK_MS) return;
    for (let told = false; ; told = true) {
      const db = this.#database.forTenant(this.#tenant).reader;
      const maxParked = this.#dials.get('import.max_parked_records');
      const counts = await countWaiting(db, this.#tenant, freshnessBudgets(this.#dials), maxParked);
      this.#lookedAt = performance.now();
      const why = this.#whyPause(counts, maxParked);
      if (why === undefined) return;
      if (!told) this.#onPause(why);
      await delay(LOOK_MS);
    }
  }

  #whyPause({ waiting, late, parked }: WaitingRow, maxParked: number): string | undefined {
    if (parked >= maxParked) return `${parked} records or more wait for a model that is paused`;
    const full = waiting >= this.#dials.get('import.max_waiting_records');
    if (!full && late < this.#dials.get('import.max_late_records')) return undefined;
    return `${waiting} records wait, ${late} of them for more than half their budget`;
  }
}
