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
  /** Least share of the time, above 0, in which background work has a request under way although messages wait. */
  readonly minShare: number;
}

/** What background work has under way. */
export interface OwnRequests {
  readonly inFlight: number;
  /** How long the last one took, 0 before the first. */
  readonly lastTookMs: number;
  /** How long the next one has been held back. */
  readonly heldMs: number;
}

/** Longest that one request is held back, however slow the endpoint is: a step ends, and a pause begins, after those under way. */
const LONGEST_HOLD_MS = 2_000;

/** What background work does next: it sends so many texts, waits for a request of its own to end, or looks again. */
export type Turn =
  | { readonly move: 'send'; readonly texts: number; readonly besideLive: boolean }
  | { readonly move: 'await_own' }
  | { readonly move: 'hold'; readonly forMs: number };

/**
 * Decides how background work yields to live traffic. An endpoint that computes one request after the other lets a live
 * text wait for all that is ahead of it: beside live traffic requests are small and few, and none is sent while a
 * message waits, for a multiple of what the last one took: where requests are quick nobody waits for them for long, and
 * where live texts fill the endpoint they become rare.
 */
export function nextTurn(live: LiveTraffic, own: OwnRequests, rules: YieldingRules): Turn {
  const besideLive = live.waiting || (live.quietMs !== null && live.quietMs < rules.lingerMs);
  const { texts, inFlight } = besideLive ? rules.besideLive : rules.alone;
  if (own.inFlight >= inFlight) return { move: 'await_own' };
  const longestMs = Math.min(LONGEST_HOLD_MS, own.lastTookMs * (1 / rules.minShare - 1));
  const leftMs = longestMs - own.heldMs;
  if (live.waiting && leftMs > 0) return { move: 'hold', forMs: leftMs };
  return { move: 'send', texts, besideLive };
}
