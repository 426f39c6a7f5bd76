import { setTimeout as delay } from 'node:timers/promises';
import type { Random } from '../random.ts';

/** A place where a number of requests are computed at a time, each for as long as a model would take. */
export interface Lane {
  /** Waits for a free place and then for the time of the work. */
  take(ms: number): Promise<void>;
}

/** @param places 0 for no limit. */
export function laneOf(places: number, jitter: number, random: Random): Lane {
  const waiting: (() => void)[] = [];
  let free = places === 0 ? Infinity : places;
  return {
    take: async (ms) => {
      // Median as asked for: a log-normal time is late rather than early, as answers of models are.
      const spread = jitter === 0 ? 1 : Math.exp(jitter * random.normal());
      if (free > 0) free -= 1;
      else await new Promise<void>((resolve) => waiting.push(resolve));
      await delay(ms * spread);
      const next = waiting.shift();
      if (next === undefined) free += 1;
      else next();
    },
  };
}
