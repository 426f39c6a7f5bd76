/** @import { Answers, Ask } from '../contract.ts' */

/** Longest that an answer is waited for. */
const PATIENCE_MS = 15_000;

/** Longest rest that is taken because the API says so. */
const LONGEST_RETRY_AFTER_MS = 3_600_000;

/** What a header can carry: of other keys fetch would say no more than that it failed. */
const CAN_BE_SENT = /^[\t\x20-\x7e\x80-\xff]*$/;

/** `Date` tells whole seconds, and takes a while: a clock that differs by no more is not called wrong. */
const CLOCK_TOLERANCE_MS = 2_000;

/** By how much the server's clock is ahead of this one. */
let aheadMs = 0;

/** The moment by the server's clock, which the times of all answers are told by. */
export function serverNow() {
  return Date.now() + aheadMs;
}

/**
 * By how much the server's clock is ahead, as an answer tells.
 *
 * @param {string | null} date its `Date`
 * @param {number} now by this clock
 */
export function aheadOf(date, now) {
  const told = Date.parse(date ?? '') - now;
  return Math.abs(told) > CLOCK_TOLERANCE_MS ? told : 0;
}

/** The API did not answer, or not with what was asked for. */
export class NoAnswer extends Error {
  /**
   * @param {string} message
   * @param {{ ofKey?: boolean, retryAfterMs?: number }} [told] whether the key is at fault, so that asking again is of no use
   */
  constructor(message, { ofKey = false, retryAfterMs = 0 } = {}) {
    super(message);
    this.ofKey = ofKey;
    this.retryAfterMs = retryAfterMs;
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
    if (!CAN_BE_SENT.test(key)) throw new NoAnswer('it has a character that no key has', { ofKey: true });
    const address = query === undefined ? path : `${path}?${query}`;
    const headers = { authorization: `Bearer ${key}`, accept: 'application/json' };
    const patience = AbortSignal.any([signal, AbortSignal.timeout(PATIENCE_MS)]);
    /** @type {RequestInit} */
    const request = { headers, signal: patience, cache: 'no-store', credentials: 'omit' };
    try {
      const response = await fetch(address, request);
      aheadMs = aheadOf(response.headers.get('date'), Date.now());
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
  const { status, statusText, headers } = response;
  /** @type {unknown} */
  const problem = await response.json().catch(() => undefined);
  const { title = statusText } = /** @type {{ title?: string }} */ (problem ?? {});
  const retryAfterMs = retryAfterOf(headers.get('retry-after'), serverNow());
  return new NoAnswer(`${status} ${title}`.trim(), { ofKey: status === 401 || status === 403, retryAfterMs });
}

/**
 * How long `Retry-After` asks to wait, in milliseconds: it is told in seconds or as a date (RFC 9110, 10.2.3). 0 where it
 * says nothing that can be read.
 *
 * @param {string | null} header
 * @param {number} now
 */
export function retryAfterOf(header, now) {
  if (header === null) return 0;
  const ms = /^\d+$/.test(header) ? Number(header) * 1_000 : Date.parse(header) - now;
  return Number.isNaN(ms) ? 0 : Math.min(LONGEST_RETRY_AFTER_MS, Math.max(0, ms));
}
