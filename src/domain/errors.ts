/**
 * What went wrong, as a stable word. It is the `type` of a problem+json answer, the `type` of a Temporal
 * `ApplicationFailure`, and the label of an error metric.
 */
export type ErrorCode =
  | 'invalid_request'
  | 'unauthenticated'
  | 'forbidden'
  | 'not_found'
  | 'conflict'
  | 'erased'
  | 'legal_hold'
  | 'no_redacted_copy'
  | 'not_verified'
  | 'wrong_state'
  | 'not_acknowledged'
  | 'evidence_too_low'
  | 'too_large'
  | 'unsupported_format'
  | 'malformed_media'
  | 'overloaded'
  | 'quota_exceeded'
  | 'raw_object_missing'
  | 'raw_object_corrupt'
  | 'raw_store_unavailable'
  | 'data_key_destroyed'
  | 'payload_unreadable'
  | 'model_rejected'
  | 'model_overloaded'
  | 'model_unavailable'
  | 'model_answer_invalid'
  | 'model_paused'
  | 'database_unavailable'
  | 'not_reachable'
  | 'reindexing'
  | 'temporal_unavailable'
  | 'handed_back'
  | 'misconfigured';

/** The reason of a screenshot’s missing caption that gave way under pressure: no failure, and made later. */
export const CAPTION_DEFERRED = 'caption_deferred';

interface ErrorPolicy {
  /** HTTP status when the error reaches a client of the REST API. */
  readonly status: number;
  /** Whether the same call may succeed later: decides the retry of an activity. */
  readonly retryable: boolean;
  readonly title: string;
}

/** The one table that says what each error means to an HTTP client and to a retry policy. */
export const ERROR_POLICIES: Readonly<Record<ErrorCode, ErrorPolicy>> = {
  invalid_request: { status: 400, retryable: false, title: 'The request is not valid' },
  unauthenticated: { status: 401, retryable: false, title: 'No valid API key was given' },
  forbidden: { status: 403, retryable: false, title: 'The API key may not use this route' },
  not_found: { status: 404, retryable: false, title: 'There is no such record' },
  conflict: { status: 409, retryable: false, title: 'The same idempotency key came with another body' },
  erased: { status: 410, retryable: false, title: 'The record was captured before its customer was erased' },
  legal_hold: { status: 409, retryable: false, title: 'A legal hold forbids it' },
  no_redacted_copy: { status: 409, retryable: false, title: 'There is no redacted copy, and the original is locked' },
  not_verified: { status: 503, retryable: true, title: 'What should be gone is still there' },
  wrong_state: { status: 409, retryable: false, title: 'It is not in a state that allows this' },
  not_acknowledged: { status: 409, retryable: false, title: 'What will be given up has not been acknowledged' },
  evidence_too_low: { status: 409, retryable: false, title: 'The figures of the index version are below their bounds' },
  too_large: { status: 413, retryable: false, title: 'The body is larger than the limit' },
  unsupported_format: { status: 415, retryable: false, title: 'The format is not supported' },
  malformed_media: { status: 400, retryable: false, title: 'The file is damaged or incomplete' },
  overloaded: { status: 429, retryable: true, title: 'Too much is under way' },
  quota_exceeded: { status: 429, retryable: true, title: 'A quota is used up' },
  raw_object_missing: { status: 500, retryable: false, title: 'A raw object is missing' },
  raw_object_corrupt: { status: 500, retryable: true, title: 'A raw object does not match its record' },
  raw_store_unavailable: { status: 503, retryable: true, title: 'The raw store does not answer' },
  data_key_destroyed: { status: 410, retryable: false, title: 'The data key of this record is destroyed' },
  payload_unreadable: { status: 500, retryable: false, title: 'A stored payload does not match its schema' },
  model_rejected: { status: 502, retryable: false, title: 'The model refused the input' },
  model_overloaded: { status: 503, retryable: true, title: 'The model asks to wait' },
  model_unavailable: { status: 503, retryable: true, title: 'The model does not answer' },
  model_answer_invalid: { status: 502, retryable: true, title: 'The model gave an unusable answer' },
  // Not tried again by itself: the record waits, and is run again when the source is resumed.
  model_paused: { status: 503, retryable: false, title: 'The source of this model is paused' },
  database_unavailable: { status: 503, retryable: true, title: 'The database does not answer' },
  not_reachable: { status: 503, retryable: true, title: 'What was written cannot be read back' },
  reindexing: { status: 409, retryable: false, title: 'An index version has artifacts of its own' },
  temporal_unavailable: { status: 503, retryable: true, title: 'Temporal does not answer' },
  handed_back: { status: 503, retryable: true, title: 'The process stops, and another one takes up the step' },
  misconfigured: { status: 500, retryable: false, title: 'A setting is wrong' },
};

/** A field of a request and what is wrong with it. The message never repeats the value. */
export interface FieldError {
  readonly field: string;
  readonly message: string;
}

export interface EarshotErrorOptions {
  readonly cause?: unknown;
  readonly fields?: readonly FieldError[];
  /** How long the other side asked us to wait, in milliseconds. */
  readonly retryAfterMs?: number;
  /** What a client needs to know to go on: ids, counts, times and figures. */
  readonly details?: Readonly<Record<string, unknown>>;
}

/**
 * The error that crosses module borders. `message` holds ids, counts and settings, never a customer's text, name,
 * number or picture: it may end up in a log, a workflow history or an HTTP answer.
 */
export class EarshotError extends Error {
  override readonly name = 'EarshotError';
  readonly code: ErrorCode;
  readonly fields: readonly FieldError[];
  readonly retryAfterMs: number | undefined;
  readonly details: Readonly<Record<string, unknown>> | undefined;

  constructor(code: ErrorCode, message: string, options: EarshotErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.fields = options.fields ?? [];
    this.retryAfterMs = options.retryAfterMs;
    this.details = options.details;
  }

  get status(): number {
    return ERROR_POLICIES[this.code].status;
  }

  get retryable(): boolean {
    return ERROR_POLICIES[this.code].retryable;
  }
}

/** A request whose named field is wrong. */
export function invalidField(field: string, message: string): EarshotError {
  return new EarshotError('invalid_request', `${field}: ${message}`, { fields: [{ field, message }] });
}
