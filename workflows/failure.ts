import { ActivityFailure, ApplicationFailure, TimeoutFailure, isCancellation } from '@temporalio/workflow';

/** Why an activity gave up, as a word: an error code of src/domain/errors.ts, or a timeout. Cancellation goes on up. */
export function failureReason(error: unknown): string {
  if (isCancellation(error)) throw error;
  const cause = error instanceof ActivityFailure ? error.cause : error;
  if (cause instanceof ApplicationFailure) return cause.type ?? 'unexpected';
  if (cause instanceof TimeoutFailure) return 'gave_up_after_a_day';
  throw error;
}
