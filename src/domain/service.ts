/** What a request was for. `alive` is none: it says that a process was there. */
export const SERVICE_KINDS = ['retrieval', 'acceptance', 'other'] as const;
export type ServiceKind = (typeof SERVICE_KINDS)[number];

/** From one bound of the histogram of latencies to the next: a percentile is exact to a tenth. */
const RATIO = 1.2;
const FIRST_MS = 1;

/** The bucket of a latency: up to 1 ms, then each a fifth wider than the one before. */
export function bucketOf(ms: number): number {
  return ms <= FIRST_MS ? 0 : Math.ceil(Math.log(ms / FIRST_MS) / Math.log(RATIO));
}

function upperBound(bucket: number): number {
  return FIRST_MS * RATIO ** bucket;
}

/**
 * The quantile of a histogram, in milliseconds, by linear interpolation within its bucket, as Prometheus'
 * `histogram_quantile` does; null without requests.
 */
export function quantile(counts: ReadonlyMap<number, number>, share: number): number | null {
  const total = [...counts.values()].reduce((sum, count) => sum + count, 0);
  let below = 0;
  for (const [bucket, count] of [...counts].sort(([a], [b]) => a - b)) {
    if (below + count >= share * total && count > 0) {
      const from = bucket === 0 ? 0 : upperBound(bucket - 1);
      return from + (upperBound(bucket) - from) * ((share * total - below) / count);
    }
    below += count;
  }
  return null;
}

/** One promise of the service, and how it was kept within a window. */
export interface Objective {
  readonly name: string;
  readonly unit: 'percent' | 'ms' | 'count';
  readonly target: number;
  /** Null where nothing was measured. */
  readonly measured: number | null;
  readonly met: boolean | null;
}

export function atLeast(name: string, unit: Objective['unit'], target: number, measured: number | null): Objective {
  return { name, unit, target, measured, met: measured === null ? null : measured >= target };
}

export function atMost(name: string, unit: Objective['unit'], target: number, measured: number | null): Objective {
  return { name, unit, target, measured, met: measured === null ? null : measured <= target };
}

export function percentOf(part: number, whole: number): number | null {
  return whole === 0 ? null : (100 * part) / whole;
}
