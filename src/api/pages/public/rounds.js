import { NoAnswer } from './ask.js';

const LONGEST_MS = 60_000;

/**
 * How long to rest before asking again: twice as long after each failure, up to a minute, and never less than the API says.
 *
 * @param {number} everyMs
 * @param {number} failures in a row
 * @param {number} [retryAfterMs]
 */
export function restOf(everyMs, failures, retryAfterMs = 0) {
  return Math.max(retryAfterMs, everyMs, Math.min(LONGEST_MS, everyMs * 2 ** failures));
}

/**
 * Asks again and again while the page is looked at. What is under way when it is stopped, or asked for anew, is given up.
 *
 * @template Answer
 */
export class Round {
  #failures = 0;
  #dueAt = 0;
  #repeats = false;
  /** @type {AbortController | undefined} */
  #under;
  /** @type {number | undefined} */
  #timer;

  /**
   * @param {object} options
   * @param {(signal: AbortSignal) => Promise<Answer>} options.look
   * @param {() => number} options.everyMs
   * @param {(answer: Answer) => void} options.show
   * @param {(error: NoAnswer, nextInMs: number) => void} options.missed
   */
  constructor({ look, everyMs, show, missed }) {
    this.look = look;
    this.everyMs = everyMs;
    this.show = show;
    this.missed = missed;
  }

  /** Asks at once, and from then on if told so. */
  start(repeats = true) {
    this.stop();
    this.#repeats = repeats;
    this.#under = new AbortController();
    void this.#ask(this.#under.signal);
  }

  /** Goes on where it was stopped: no sooner than is its turn, however often somebody looks away and back. */
  resume() {
    this.stop();
    this.#timer = window.setTimeout(() => this.start(), Math.max(0, this.#dueAt - Date.now()));
  }

  /** Stops for good: the next start is the first. */
  forget() {
    this.stop();
    this.#failures = 0;
    this.#dueAt = 0;
  }

  stop() {
    this.#under?.abort();
    window.clearTimeout(this.#timer);
  }

  /** @param {AbortSignal} signal */
  async #ask(signal) {
    const rest = await this.look(signal)
      .then((answer) => (signal.aborted ? 0 : this.#answered(answer)))
      .catch((/** @type {unknown} */ error) => (signal.aborted ? 0 : this.#failed(error)));
    if (signal.aborted) return;
    this.#dueAt = Date.now() + rest;
    if (this.#repeats) this.#timer = window.setTimeout(() => void this.#ask(signal), rest);
  }

  /** @param {Answer} answer */
  #answered(answer) {
    this.show(answer);
    this.#failures = 0;
    return this.everyMs();
  }

  /**
   * An answer that cannot be shown is missed as well, or the round would end for good.
   *
   * @param {unknown} error
   */
  #failed(error) {
    const told = error instanceof NoAnswer;
    if (!told) window.reportError(error);
    const miss = told ? error : new NoAnswer('the answer could not be shown');
    this.#failures += 1;
    const rest = restOf(this.everyMs(), this.#failures, miss.retryAfterMs);
    this.missed(miss, rest);
    return rest;
  }
}
