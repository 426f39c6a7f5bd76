import { patched } from '@temporalio/workflow';
import type { InteractionRef, RedactionResult } from '../src/domain/activities.ts';
import type { RecognisedKind } from '../src/domain/quality.ts';
import { failureReason } from './failure.ts';
import { audio, laterAudio, laterVision, vision } from './proxies.ts';

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

/**
 * Has the copy of a record made anew in which something was let go: what was held back is silent or masked in the one
 * before.
 *
 * @param kind of what was let go; that of a message, and what older answers say, has no copy.
 * @param later one of many, behind all that comes in.
 */
export async function copyReleased(
  { tenant, interactionId }: InteractionRef,
  kind: RecognisedKind | 'message' | boolean | undefined,
  later = false,
): Promise<void> {
  if (typeof kind !== 'string' || kind === 'message') return;
  const record = { tenant, interactionId };
  const [sound, picture] = later ? [laterAudio, laterVision] : [audio, vision];
  await makeRedactedCopy(() =>
    kind === 'transcript'
      ? sound('silence what was redacted').redactSound(record)
      : picture('mask what was redacted').redactPicture(record),
  );
}
