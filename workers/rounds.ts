import { setTimeout as delay } from 'node:timers/promises';

export interface Rounds {
  /** Ends after the round that is under way. */
  stop(): Promise<void>;
}

/** Goes round after round until it is stopped. A round answers how long to rest after it, in milliseconds, and never fails. */
export function inRounds(round: () => Promise<number>, firstRestMs = 0): Rounds {
  const stopping = new AbortController();
  const { signal } = stopping;
  const rest = (ms: number) => delay(ms, undefined, { signal }).catch(() => undefined);
  const running = (async () => {
    if (firstRestMs > 0) await rest(firstRestMs);
    while (!signal.aborted) await rest(await round());
  })();
  return {
    stop: async () => {
      stopping.abort();
      await running;
    },
  };
}
