export const STUB_ROUTES = ['embeddings', 'transcriptions', 'screen_text', 'caption'] as const;
export type StubRoute = (typeof STUB_ROUTES)[number];

export interface RouteStats {
  readonly requests: number;
  /** Texts of embeddings, seconds of sound, pictures. */
  readonly items: number;
  /** Most items of one request. */
  readonly mostItems: number;
  /** Requests that were answered with an error, as `failureRate` or a wrong request has it. */
  readonly failures: number;
  readonly inFlight: number;
  readonly mostInFlight: number;
  /** Most requests that came within one second of the clock. */
  readonly mostPerSecond: number;
}

export type StubStats = Readonly<Record<StubRoute, RouteStats>>;

const NOTHING: RouteStats = {
  requests: 0,
  items: 0,
  mostItems: 0,
  failures: 0,
  inFlight: 0,
  mostInFlight: 0,
  mostPerSecond: 0,
};

/** Counts what the stub is asked for. */
export class Tally {
  #stats = fresh();
  readonly #second = new Map<StubRoute, { at: number; requests: number }>();

  begin(route: StubRoute): void {
    const stats = this.#stats[route];
    const at = Math.floor(Date.now() / 1000);
    const second = this.#second.get(route);
    const requests = second?.at === at ? second.requests + 1 : 1;
    this.#second.set(route, { at, requests });
    const inFlight = stats.inFlight + 1;
    this.#stats[route] = {
      ...stats,
      requests: stats.requests + 1,
      inFlight,
      mostInFlight: Math.max(stats.mostInFlight, inFlight),
      mostPerSecond: Math.max(stats.mostPerSecond, requests),
    };
  }

  items(route: StubRoute, items: number): void {
    const stats = this.#stats[route];
    this.#stats[route] = { ...stats, items: stats.items + items, mostItems: Math.max(stats.mostItems, items) };
  }

  end(route: StubRoute, failed: boolean): void {
    const stats = this.#stats[route];
    this.#stats[route] = { ...stats, inFlight: stats.inFlight - 1, failures: stats.failures + (failed ? 1 : 0) };
  }

  read(): StubStats {
    return this.#stats;
  }

  /** Counts from nothing; what is in flight still is. */
  reset(): void {
    const old = this.#stats;
    this.#stats = fresh();
    for (const route of STUB_ROUTES) this.#stats[route] = { ...NOTHING, inFlight: old[route].inFlight };
  }
}

function fresh(): Record<StubRoute, RouteStats> {
  return Object.fromEntries(STUB_ROUTES.map((route) => [route, NOTHING])) as Record<StubRoute, RouteStats>;
}
