import { findPressure } from './db/pressure.ts';
import type { Database } from './db/pools.ts';
import type { DialReader } from './dial-reader.ts';
import type { Modality } from './domain/interaction.ts';
import { lastingOf, type Overloads } from './domain/overload-lasts.ts';
import { deeper, PRESSURE_STEPS, type PressureStep } from './domain/pressure.ts';
import { keepFresh, type KeptFresh } from './keep-fresh.ts';

/** How old the step may be that is acted on. */
const REFRESH_MS = 500;

/** Which step Earshot takes against too much to do, for whoever acts on it. */
export interface PressureSource {
  step(): PressureStep;
  /** Whether live records of a modality are to be refused at the last step. */
  overloaded(modality: Modality): boolean;
}

/**
 * Reads the step from memory, refreshed from the database in the background. One that nobody has decided on for a while
 * counts as `none`: refusing records needs a standing reason, and a sampler that is gone gives none. The dial
 * `pressure.at_least_step` holds whatever the sampler says.
 */
export class PressureReader implements PressureSource {
  readonly #database: Database;
  readonly #dials: Pick<DialReader, 'get'>;
  #step: PressureStep = 'none';
  #overloads: Overloads = {};
  /** By the process's own clock, so that an outage of the database ages it too. */
  #decidedAt = -Infinity;
  #kept: KeptFresh | undefined;

  private constructor(database: Database, dials: Pick<DialReader, 'get'>) {
    this.#database = database;
    this.#dials = dials;
  }

  static async open(database: Database, dials: Pick<DialReader, 'get'>): Promise<PressureReader> {
    const reader = new PressureReader(database, dials);
    reader.#kept = await keepFresh(() => reader.#read(), REFRESH_MS);
    return reader;
  }

  step(): PressureStep {
    return deeper(this.#isFresh() ? this.#step : 'none', this.#forced());
  }

  /** The last step, when it is forced, is for all modalities. */
  overloaded(modality: Modality): boolean {
    if (this.#forced() === 'refuse_live') return true;
    return this.#isFresh() && lastingOf(this.#overloads).includes(modality);
  }

  #isFresh(): boolean {
    return performance.now() - this.#decidedAt < this.#dials.get('pressure.stale_after_ms');
  }

  #forced(): PressureStep {
    return PRESSURE_STEPS[Math.floor(this.#dials.get('pressure.at_least_step'))]!;
  }

  async refresh(): Promise<void> {
    await this.#kept?.refresh();
  }

  async #read(): Promise<void> {
    const { step, overloads, decided_ms_ago: agoMs } = await findPressure(this.#database.deployment);
    this.#step = step;
    this.#overloads = overloads;
    this.#decidedAt = agoMs === null ? -Infinity : performance.now() - agoMs;
  }

  close(): void {
    this.#kept?.close();
  }
}
