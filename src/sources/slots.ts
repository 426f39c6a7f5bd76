import { setTimeout as delay } from 'node:timers/promises';
import type { SlotGrant } from '../db/model-slots.ts';
import { EarshotError } from '../domain/errors.ts';
import { LATEST_MS } from '../domain/request-cost.ts';
import { unlessAborted } from '../unless-aborted.ts';

export interface SlotLineDependencies {
  /** Asks the limiter that all processes share for requests in a row. */
  grant(costsMs: readonly number[], aheadMs: number): Promise<SlotGrant>;
  /** How far ahead slots of live requests are taken. */
  aheadMs(): number;
}

/** When a request may be sent, and when it is too late for that, of the process's own clock (performance.now). */
interface Slot {
  readonly from: number;
  readonly until: number;
}

/** Slots that a request may miss because its process was busy; then it is sent late: it must come on. */
const MISSED = 5;

interface Waiting {
  readonly costMs: number;
  readonly behindLive: boolean;
  admit(slot: Slot): void;
  refuse(error: unknown): void;
  gone: boolean;
}

/** When a step whose request waited for too long is tried again. */
const RETRY_AFTER_MS = 5_000;

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
    const started = performance.now();
    for (let missed = 0; missed <= MISSED; missed++) {
      const { from, until } = await this.#granted(request, longestMs - (performance.now() - started), signal);
      const waitMs = from - performance.now();
      if (waitMs > 0) await delay(waitMs, undefined, { signal });
      if (performance.now() <= until) return;
    }
  }

  async #granted(
    request: { readonly costMs: number; readonly behindLive: boolean },
    longestMs: number,
    signal: AbortSignal,
  ): Promise<Slot> {
    signal.throwIfAborted();
    const granted = Promise.withResolvers<Slot>();
    const waiting: Waiting = { ...request, admit: granted.resolve, refuse: granted.reject, gone: false };
    const giveUp = () =>
      granted.reject(
        new EarshotError('model_overloaded', 'no slot for a request for too long', { retryAfterMs: RETRY_AFTER_MS }),
      );
    const timer = request.behindLive ? undefined : setTimeout(giveUp, longestMs);
    this.#line.push(waiting);
    if (!request.behindLive) this.#pause?.abort();
    void this.#ask();
    try {
      return await unlessAborted(granted.promise, signal);
    } finally {
      waiting.gone = true;
      clearTimeout(timer);
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
      const askedAt = performance.now();
      const aheadMs = asked[0]!.behindLive ? 0 : this.#deps.aheadMs();
      const { granted, wait_ms: waitMs } = await this.#deps.grant(
        asked.map(({ costMs }) => costMs),
        aheadMs,
      );
      const toldAt = performance.now();
      let begins = waitMs;
      for (const each of asked.slice(0, granted)) {
        // The limiter's clock was read between question and answer: no sooner than by the one, no later than by the other.
        each.admit({ from: toldAt + begins, until: askedAt + begins + LATEST_MS });
        begins += each.costMs;
        each.gone = true;
      }
      // The next are worth asking for when their slots come within reach.
      if (granted < asked.length) {
        await this.#rest(granted === 0 ? waitMs : begins - aheadMs, asked[0]!.behindLive);
      }
    } catch (error) {
      for (const each of asked) {
        each.refuse(error);
        each.gone = true;
      }
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
