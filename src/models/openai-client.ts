import OpenAI, { APIConnectionError, APIError, APIUserAbortError } from 'openai';
import { EarshotError } from '../domain/errors.ts';

export interface ModelEndpoint {
  readonly baseUrl: string | undefined;
  readonly apiKey: string;
}

/** Retries belong to Temporal and to the caller of retrieval, who know the budget: the client makes one attempt. */
export function openModelEndpoint({ baseUrl, apiKey }: ModelEndpoint): OpenAI {
  return new OpenAI({ baseURL: baseUrl, apiKey, maxRetries: 0 });
}

/**
 * Makes one model call under one deadline. The client's own timeout ends with the headers; an abort signal also ends a
 * body that stalls.
 *
 * @throws EarshotError `model_overloaded` (429, with the wait that was asked for), `model_unavailable` (5xx, no answer,
 * deadline), `model_rejected` (4xx), `model_answer_invalid` (a 2xx answer that is no JSON).
 */
export async function callModel<T>(
  what: string,
  timeoutMs: number,
  signal: AbortSignal,
  call: (signal: AbortSignal) => Promise<T>,
): Promise<{ answer: T; modelMs: number }> {
  const deadline = AbortSignal.timeout(timeoutMs);
  const started = performance.now();
  try {
    const answer = await call(AbortSignal.any([signal, deadline]));
    return { answer, modelMs: Math.round(performance.now() - started) };
  } catch (error) {
    if (signal.aborted) throw error;
    throw modelError(what, error, deadline.aborted, timeoutMs);
  }
}

/** Messages of the endpoint are left out: some repeat the input. */
function modelError(what: string, error: unknown, late: boolean, timeoutMs: number): EarshotError {
  if (error instanceof EarshotError) return error;
  if (late || error instanceof APIUserAbortError) {
    return new EarshotError('model_unavailable', `${what}: no complete answer within ${timeoutMs} ms`);
  }
  if (error instanceof APIConnectionError) {
    return new EarshotError('model_unavailable', `${what}: the connection failed; check OPENAI_BASE_URL`);
  }
  if (error instanceof APIError && typeof error.status === 'number') {
    return statusError(what, error.status, error.headers as Headers | undefined);
  }
  if (error instanceof SyntaxError) return new EarshotError('model_answer_invalid', `${what}: the answer is no JSON`);
  return new EarshotError('model_unavailable', `${what}: the call failed (${errorName(error)})`);
}

function statusError(what: string, status: number, headers: Headers | undefined): EarshotError {
  const text = `${what}: the endpoint answered ${status}`;
  const wait = retryAfterMs(headers);
  const options = wait === undefined ? {} : { retryAfterMs: wait };
  if (status === 429) return new EarshotError('model_overloaded', text, options);
  if (status >= 500 || status === 408) return new EarshotError('model_unavailable', text, options);
  if (status === 401 || status === 403) {
    return new EarshotError('model_unavailable', `${text}: check OPENAI_API_KEY`, options);
  }
  return new EarshotError('model_rejected', text);
}

/** Longest wait that is honoured: an endpoint that asks for a day is asked again after an hour. */
const LONGEST_WAIT_MS = 60 * 60 * 1000;

/** `Retry-After` as seconds or as a date (RFC 9110 section 10.2.3), in milliseconds. */
export function retryAfterMs(headers: Headers | undefined, now: number = Date.now()): number | undefined {
  const value = headers?.get('retry-after');
  if (value === null || value === undefined) return undefined;
  const seconds = Number(value);
  const wait = Number.isFinite(seconds) ? seconds * 1000 : Date.parse(value) - now;
  return Number.isFinite(wait) ? Math.min(Math.max(wait, 0), LONGEST_WAIT_MS) : undefined;
}

function errorName(error: unknown): string {
  return error instanceof Error ? error.name : 'unknown';
}
