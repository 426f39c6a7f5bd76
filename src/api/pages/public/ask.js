/** @import { Answers, Ask } from '../contract.ts' */

/** Longest that an answer is waited for. */
const PATIENCE_MS = 15_000;

/** The API did not answer, or not with what was asked for. */
export class NoAnswer extends Error {
  /**
   * @param {string} message
   * @param {{ status?: number, retryAfterMs?: number }} [told]
   */
  constructor(message, { status, retryAfterMs } = {}) {
    super(message);
    this.status = status;
    this.retryAfterMs = retryAfterMs;
  }

  /** Whether the key is at fault, so that asking again is of no use. */
  get ofKey() {
    return this.status === 401 || this.status === 403;
  }
}

/**
 * Asks with an operator's key, which goes into a header and never into an address.
 *
 * @param {string} key
 * @param {AbortSignal} signal
 * @returns {Ask}
 */
export function askWith(key, signal) {
  return async (path, query) => {
    const address = query === undefined ? path : `${path}?${query}`;
    const headers = { authorization: `Bearer ${key}`, accept: 'application/json' };
    const patience = AbortSignal.any([signal, AbortSignal.timeout(PATIENCE_MS)]);
    /** @type {RequestInit} */
    const request = { headers, signal: patience, cache: 'no-store', credentials: 'omit' };
    try {
      const response = await fetch(address, request);
      if (!response.ok) throw await refusal(response);
      /** @type {unknown} */
      const answer = await response.json();
      return /** @type {Answers[typeof path]} */ (answer);
    } catch (error) {
      throw signal.aborted || error instanceof NoAnswer ? error : new NoAnswer('no connection, or no answer in time');
    }
  };
}

/** @param {Response} response */
async function refusal(response) {
  const retryAfterMs = Number(response.headers.get('retry-after') ?? 0) * 1_000;
  /** @type {unknown} */
  const problem = await response.json().catch(() => undefined);
  const { title = response.statusText } = /** @type {{ title?: string }} */ (problem ?? {});
  const message = `${response.status} ${title}`.trim();
  return new NoAnswer(message, { status: response.status, retryAfterMs });
}
