import { condition, defineSignal, setHandler } from '@temporalio/workflow';
import { CANCEL_SIGNAL, PAUSE_SIGNAL, RESUME_SIGNAL } from '../src/domain/workflows.ts';
import type { ReplayState } from '../src/domain/replay.ts';

export const pauseReplaySignal = defineSignal(PAUSE_SIGNAL);
export const resumeReplaySignal = defineSignal(RESUME_SIGNAL);
export const cancelReplaySignal = defineSignal(CANCEL_SIGNAL);

/** What operators want of a replay. Between two records, it obeys. */
export class ReplayControl {
  readonly #note: (state: ReplayState) => Promise<void>;
  #paused: boolean;
  #cancelled = false;
  #pausing: Promise<void> | undefined;

  /** @param note makes known where the replay stands. */
  constructor(paused: boolean, note: (state: ReplayState) => Promise<void>) {
    this.#paused = paused;
    this.#note = note;
    setHandler(pauseReplaySignal, () => void (this.#paused = true));
    setHandler(resumeReplaySignal, () => void (this.#paused = false));
    setHandler(cancelReplaySignal, () => void (this.#cancelled = true));
  }

  get cancelled(): boolean {
    return this.#cancelled;
  }

  /** Whether somebody wants something that has not been done. */
  get waiting(): boolean {
    return this.#paused || this.#cancelled;
  }

  /** Waits while the replay is paused; answers whether it goes on. */
  async goesOn(): Promise<boolean> {
    while (this.#paused && !this.#cancelled) {
      this.#pausing ??= this.#pause();
      await this.#pausing;
    }
    return !this.#cancelled;
  }

  async #pause(): Promise<void> {
    await this.#note('paused');
    await condition(() => !this.waiting || this.#cancelled);
    if (!this.#cancelled) await this.#note('running');
    this.#pausing = undefined;
  }
}
