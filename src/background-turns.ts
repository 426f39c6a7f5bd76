import { setTimeout as delay } from 'node:timers/promises';
import type { DialReader } from './dial-reader.ts';
import { EarshotError } from './domain/errors.ts';
import { nextTurn, type LiveTraffic, type YieldingRules } from './domain/yielding.ts';
import type { Turns } from './models/embedding-in-turns.ts';
import { standing, withStanding } from './sources/background.ts';
import { unlessAborted } from './unless-aborted.ts';

/** Between two looks whether somebody still waits. A chat message takes several times as long; looks take CPU from it. */
const LOOK_AGAIN_MS = 15;

export interface BackgroundTurnsDependencies {
  readonly dials: Pick<DialReader, 'get'>;
  readonly liveTraffic: { look(): Promise<LiveTraffic> };
  /** Ends when a model that was found paused may run again. */
  pauseMayBeOver(signal: AbortSignal): Promise<void>;
  /** Told of each request, and for how long it was held back. */
  onTurn(besideLive: boolean, heldMs: number): void;
}

/** The turns in which all background work of this process asks the embedding model, yielding to live traffic. */
export class BackgroundTurns implements Turns {
  readonly #deps: BackgroundTurnsDependencies;
  #inFlight = 0;
  #lastTookMs = 0;
  /** Ends when the one before has been admitted: turns are given in the order in which they were asked for. */
  #admission: Promise<unknown> = Promise.resolve();
  #ended = Promise.withResolvers<void>();

  constructor(deps: BackgroundTurnsDependencies) {
    this.#deps = deps;
  }

  /**
   * A model that is paused keeps no turn: the next request in line may be for another one, which mends it. Who waits the
   * pause out lines up again.
   */
  async take<T>(signal: AbortSignal, send: (texts: number) => Promise<T>): Promise<T> {
    const own = standing();
    for (;;) {
      try {
        return await this.#inTurn(signal, (texts) =>
          withStanding({ ...own, waitsOutPauses: false }, () => send(texts)),
        );
      } catch (error) {
        const isPaused = error instanceof EarshotError && error.code === 'model_paused';
        if (!isPaused || !own.waitsOutPauses) throw error;
        await this.#deps.pauseMayBeOver(signal);
      }
    }
  }

  async #inTurn<T>(signal: AbortSignal, send: (texts: number) => Promise<T>): Promise<T> {
    const admitted = this.#admission.then(() => this.#admit(signal));
    this.#admission = admitted.catch(() => undefined);
    const texts = await unlessAborted(admitted, signal).catch((error: unknown) => {
      // It may have been admitted at the same moment.
      void admitted.then(
        () => this.#end(),
        () => undefined,
      );
      throw error;
    });
    const started = performance.now();
    try {
      const answer = await send(texts);
      this.#lastTookMs = performance.now() - started;
      return answer;
    } finally {
      this.#end();
    }
  }

  #end(): void {
    this.#inFlight -= 1;
    this.#ended.resolve();
    this.#ended = Promise.withResolvers();
  }

  /** Waits until one more request may be sent; answers how many texts it may have. */
  async #admit(signal: AbortSignal): Promise<number> {
    let heldFrom: number | undefined;
    for (;;) {
      signal.throwIfAborted();
      const live = await this.#deps.liveTraffic.look();
      const heldMs = heldFrom === undefined ? 0 : performance.now() - heldFrom;
      const own = { inFlight: this.#inFlight, lastTookMs: this.#lastTookMs, heldMs };
      const turn = nextTurn(live, own, rulesOf(this.#deps.dials));
      if (turn.move === 'send') {
        this.#inFlight += 1;
        this.#deps.onTurn(turn.besideLive, heldMs);
        return turn.texts;
      }
      if (turn.move === 'await_own') await unlessAborted(this.#ended.promise, signal);
      else {
        heldFrom ??= performance.now();
        await delay(Math.min(LOOK_AGAIN_MS, turn.forMs), undefined, { signal });
      }
    }
  }
}

function rulesOf(dials: Pick<DialReader, 'get'>): YieldingRules {
  return {
    alone: { texts: dials.get('reindex.chunks_per_request'), inFlight: dials.get('reindex.requests_in_flight') },
    besideLive: {
      texts: dials.get('reindex.chunks_per_request_beside_live'),
      inFlight: dials.get('reindex.requests_in_flight_beside_live'),
    },
    lingerMs: dials.get('reindex.live_linger_ms'),
    minShare: dials.get('reindex.min_share_beside_live'),
  };
}
