import { setTimeout as delay } from 'node:timers/promises';
import type { SlotGrant } from '../db/model-slots.ts';
import { EarshotError } from '../domain/errors.ts';

export interface SlotLineDependencies {
  /** Asks the limiter that all processes share for requests in a row. */
  grant(costsMs: readonly number[], aheadMs: number): Promise<SlotGrant>;
  /** How far ahead slots of live requests are taken. */
  aheadMs(): number;
}

interface Waiting {
  readonly costMs: number;
  readonly behindLive: boolean;
  /** The slot is there: it is for the request to begin after so long. */
  admit(waitMs: number): void;
  refuse(error: unknown): void;
  gone: boolean;
}

/** Most that one statement grants. */
const MOST = 100;

/**
 * The requests of one process that wait for slots of one source. One statement at a time asks for all that wait, live
 * ones first, so that a lone request costs one round trip and a hundred cost no more. What nobody waits for is granted
 * a slot only when that is free at once: slots ahead are for live traffic, of whichever process.
 */
export class SlotLine {
  readonly #deps: SlotLineDependencies;
  readonly #line: Waiting[] = [];
  #asking = false;
  /** Set while the line pauses for what nobody waits for alone: a live request ends that. */
  #pause: AbortController | undefined;

  constructor(deps: SlotLineDependencies) {
    this.#deps = deps;
  }

  /** Waits for a slot. The wait ends with the signal, or, for a live request, with `model_overloaded` after `longestMs`. */
  async take(
    request: { readonly costMs: number; readonly behindLive: boolean },
    longestMs: number,
    signal: AbortSignal,
  ): Promise<void> {
    signal.throwIfAborted();
    const granted = Promise.withResolvers<number>();
    const waiting: Waiting = { ...request, admit: granted.resolve, refuse: granted.reject, gone: false };
    const abort = () => granted.reject(signal.reason as Error);
    const giveUp = () =>
      granted.reject(
        new EarshotError('model_overloaded', `no slot for a request within ${longestMs} ms`, {
          retryAfterMs: longestMs,
        }),
      );
    signal.addEventListener('abort', abort, { once: true });
    const timer = request.behindLive ? undefined : setTimeout(giveUp, longestMs);
    this.#line.push(waiting);
    if (!request.behindLive) this.#pause?.abort();
    void this.#ask();
    try {
      const waitMs = await granted.promise;
      if (waitMs > 0) await delay(waitMs, undefined, { signal });
    } finally {
      waiting.gone = true;
      clearTimeout(timer);
      signal.removeEventListener('abort', abort);
    }
  }

  async #ask(): Promise<void> {
    if (this.#asking) return;
    this.#asking = true;
    try {
      for (let next = this.#next(); next.length > 0; next = this.#next()) await this.#askFor(next);
    } finally {
      this.#asking = false;
    }
  }

  /** Who is asked for: as many live ones as wait, or else one of the others. */
  #next(): Waiting[] {
    const waiting = this.#line.filter(({ gone }) => !gone);
    this.#line.splice(0, this.#line.length, ...waiting);
    const live = waiting.filter(({ behindLive }) => !behindLive);
    return live.length > 0 ? live.slice(0, MOST) : waiting.slice(0, 1);
  }

  async #askFor(asked: readonly Waiting[]): Promise<void> {
    try {
      const aheadMs = asked[0]!.behindLive ? 0 : this.#deps.aheadMs();
      const { granted, wait_ms: waitMs } = await this.#deps.grant(
        asked.map(({ costMs }) => costMs),
        aheadMs,
      );
      let begins = waitMs;
      for (const each of asked.slice(0, granted)) {
        each.admit(begins);
        begins += each.costMs;
        each.gone = true;
      }
      // The next are worth asking for when their slots come within reach.
      if (granted < asked.length) {
        await this.#rest(granted === 0 ? waitMs : begins - aheadMs, asked[0]!.behindLive);
      }
    } catch (error) {
      for (const each of asked) (each.refuse(error), (each.gone = true));
    }
  }

  async #rest(ms: number, endsForLive: boolean): Promise<void> {
    const pause = new AbortController();
    if (endsForLive) this.#pause = pause;
    await delay(Math.max(1, Math.min(ms, LOOK_MS)), undefined, { signal: pause.signal }).catch(() => undefined);
    this.#pause = undefined;
  }
}

/** Longest pause between two questions, so that who comes first meanwhile is not late. */
const LOOK_MS = 100;
