/** How fast a stretch of work goes. */
export interface Pace {
  /** Rows per second. */
  readonly perSecond: number | null;
  /** RFC 3339: when what is left will be done at that pace. */
  readonly estimatedEnd: string | null;
}

/**
 * The pace of work that has been going on for a while; nothing is foretold before the first row.
 *
 * @param done rows that are done.
 * @param elapsedMs milliseconds that these took.
 * @param left rows that are left.
 * @param now when that was counted, in milliseconds since the epoch.
 */
export function paceOf(done: number, elapsedMs: number, left: number, now: number): Pace {
  if (done === 0 || elapsedMs <= 0) return { perSecond: null, estimatedEnd: null };
  const perMs = done / elapsedMs;
  return {
    perSecond: Math.round(perMs * 10_000) / 10,
    estimatedEnd: new Date(now + Math.max(0, left) / perMs).toISOString(),
  };
}
