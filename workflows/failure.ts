import { ActivityFailure, ApplicationFailure, TimeoutFailure, isCancellation } from '@temporalio/workflow';
import type { FailureRecord } from '../src/domain/activities.ts';

/**
 * Why an activity gave up: a word, which is an error code of src/domain/errors.ts or a timeout, and the failure's
 * message, which quotes nobody. Cancellation goes on up.
 */
export function failureOf(error: unknown): Pick<FailureRecord, 'reason' | 'detail'> {
  if (isCancellation(error)) throw error;
  const cause = error instanceof ActivityFailure ? error.cause : error;
  if (cause instanceof ApplicationFailure) return { reason: cause.type ?? 'unexpected', detail: cause.message };
  if (cause instanceof TimeoutFailure) return { reason: 'gave_up_after_a_day', detail: `timed out: ${cause.message}` };
  throw error;
}

/** The word alone. */
export function failureReason(error: unknown): string {
  return failureOf(error).reason;
}
