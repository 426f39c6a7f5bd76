import { setTimeout as delay } from 'node:timers/promises';
import type { DialReader } from './dial-reader.ts';
import { atLeast } from './domain/pressure.ts';
import { pauseAfter } from './domain/slowing.ts';
import type { PressureSource } from './pressure-reader.ts';

/** Between two looks whether the pressure is over. */
const LOOK_AGAIN_MS = 100;

export interface BrakeDependencies {
  readonly dials: Pick<DialReader, 'get'>;
  readonly pressure: PressureSource;
  /** Told of each piece of work that was kept waiting, and for how long. */
  onHeld(heldMs: number): void;
}

/** Slows this process's reprocessing and backfill to nothing while Earshot is under pressure. */
export class Brake {
  readonly #deps: BrakeDependencies;
  /** Since the pressure began. */
  #done = 0;
  #lastAt = 0;

  constructor(deps: BrakeDependencies) {
    this.#deps = deps;
  }

  /** Whether the next piece of work may be done now; it counts as done then. */
  pass(): boolean {
    const { dials, pressure } = this.#deps;
    if (!atLeast(pressure.step(), 'slow_reprocessing')) {
      this.#done = 0;
      this.#lastAt = 0;
      return true;
    }
    const now = performance.now();
    if (this.#lastAt === 0) this.#lastAt = now;
    const rules = {
      firstPauseMs: dials.get('pressure.background_first_pause_ms'),
      lastPieces: dials.get('pressure.background_last_pieces'),
    };
    if (now - this.#lastAt < pauseAfter(this.#done, rules)) return false;
    this.#done += 1;
    this.#lastAt = now;
    return true;
  }

  /** Waits until the next piece of work may be done. Takes room in no queue that live records need: see `pass`. */
  async wait(signal?: AbortSignal): Promise<void> {
    if (this.pass()) return;
    const from = performance.now();
    try {
      do await delay(LOOK_AGAIN_MS, undefined, { signal });
      while (!this.pass());
    } finally {
      this.#deps.onHeld(performance.now() - from);
    }
  }
}
