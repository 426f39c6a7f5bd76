/** Live traffic that asks the same model endpoint as background work does. */
export interface LiveTraffic {
  /** A chat message is on its way to its vector at this moment. */
  readonly waiting: boolean;
  /** Milliseconds since something live was last seen, 0 while it goes on; null when nothing was. */
  readonly quietMs: number | null;
}

/** How requests may be sent: texts of each, and how many at a time. */
export interface RequestBounds {
  readonly texts: number;
  readonly inFlight: number;
}

export interface YieldingRules {
  readonly alone: RequestBounds;
  readonly besideLive: RequestBounds;
  /** Live traffic counts as there until it has been quiet for so long. */
  readonly lingerMs: number;
  /** Longest that one request is held back while a message waits: background work goes on, however much comes in. */
  readonly longestHoldMs: number;
}

/** What background work does next: it sends so many texts, waits for a request of its own to end, or looks again. */
export type Turn =
  | { readonly move: 'send'; readonly texts: number; readonly besideLive: boolean }
  | { readonly move: 'await_own' }
  | { readonly move: 'hold'; readonly forMs: number };

/**
 * Decides how background work yields to live traffic. An endpoint that computes one request after the other lets a live
 * text wait for all that is ahead of it: beside live traffic requests are small and few, and none is sent while a
 * message waits, up to a bound.
 */
export function nextTurn(
  live: LiveTraffic,
  own: { readonly inFlight: number; readonly heldMs: number },
  rules: YieldingRules,
): Turn {
  const besideLive = live.waiting || (live.quietMs !== null && live.quietMs < rules.lingerMs);
  const { texts, inFlight } = besideLive ? rules.besideLive : rules.alone;
  if (own.inFlight >= inFlight) return { move: 'await_own' };
  const leftMs = rules.longestHoldMs - own.heldMs;
  if (live.waiting && leftMs > 0) return { move: 'hold', forMs: leftMs };
  return { move: 'send', texts, besideLive };
}
