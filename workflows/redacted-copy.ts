import { patched } from '@temporalio/workflow';
import type { RedactionResult } from '../src/domain/activities.ts';
import { failureReason } from './failure.ts';

/**
 * Has the redacted copy of a record made once its text is reachable. Nothing waits for it: a copy that is missing is made
 * when it is first asked for, so that giving up on the step is no failure of the record.
 */
export async function makeRedactedCopy(make: () => Promise<RedactionResult>): Promise<void> {
  if (!patched('redacted-copy')) return;
  try {
    await make();
  } catch (error) {
    failureReason(error);
  }
}
