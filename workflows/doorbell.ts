import { condition, defineSignal, setHandler } from '@temporalio/workflow';
import { RING_SIGNAL } from '../src/domain/workflows.ts';

export const ringSignal = defineSignal(RING_SIGNAL);

/** Remembers that somebody rang, once or often: the log says what for. */
export interface Doorbell {
  /** Whether it rang since this was last asked. */
  answer(): boolean;
  /** Whether it rang and nobody has answered. */
  ringing(): boolean;
  /** Waits for a ring, at most so long; answers whether it rang. */
  wait(timeoutMs: number): Promise<boolean>;
}

export function listenForRings(): Doorbell {
  let rung = false;
  setHandler(ringSignal, () => {
    rung = true;
  });
  return {
    answer: () => {
      const before = rung;
      rung = false;
      return before;
    },
    ringing: () => rung,
    wait: (timeoutMs) => condition(() => rung, timeoutMs),
  };
}
