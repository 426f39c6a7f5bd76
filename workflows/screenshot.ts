import { continueAsNew, defineQuery, setCurrentDetails, setHandler, workflowInfo } from '@temporalio/workflow';
import type { ArtifactResult, CaptionResult, FailureRecord, InteractionRef } from '../src/domain/activities.ts';
import { CAPTION_DEFERRED } from '../src/domain/errors.ts';
import { PROGRESS_QUERY, type SessionRef } from '../src/domain/workflows.ts';
import { listenForRings } from './doorbell.ts';
import { failureOf } from './failure.ts';
import { embedding, intake, vision } from './proxies.ts';
import { makeRedactedCopy } from './redacted-copy.ts';

export interface ScreenshotProgress {
  readonly artifacts: number;
  readonly failures: number;
}

export const screenshotProgressQuery = defineQuery<ScreenshotProgress>(PROGRESS_QUERY);

/**
 * Makes one screenshot searchable: its text and a caption, recognised side by side. Either may fail alone, and under
 * pressure the caption gives way to the text; the record then says which part it lacks.
 */
export async function screenshot(session: SessionRef): Promise<ScreenshotProgress> {
  const doorbell = listenForRings();
  let progress: ScreenshotProgress = { artifacts: 0, failures: 0 };
  setHandler(screenshotProgressQuery, () => progress);

  for (;;) {
    doorbell.answer();
    const work = await intake.takeScreenshotWork(session);
    for (const interactionId of work.interactionIds) {
      const artifacts = await processScreenshot({ tenant: session.tenant, interactionId });
      progress = { artifacts: progress.artifacts + artifacts, failures: progress.failures + (2 - artifacts) };
      setCurrentDetails(`${progress.artifacts} artifacts, ${progress.failures} failures`);
    }
    const asleep = await intake.sleepUnlessRung({ ...session, arrivals: work.arrivals });
    if (asleep && !doorbell.answer()) return progress;
    if (workflowInfo().continueAsNewSuggested) await continueAsNew<typeof screenshot>(session);
  }
}

/** Answers how many of the two artifacts were made. */
async function processScreenshot(record: InteractionRef): Promise<number> {
  const [text, first] = await Promise.all([
    recognise(record, 'screen_text', vision('read the text').readScreenText(record)),
    recognise(record, 'caption', vision('caption').captionScreen(record)),
  ]);
  const caption = first?.deferred === true ? await withoutCaption(record, text) : first;
  const artifactIds = [text, caption].flatMap((made) => made?.artifactId ?? []);
  if (artifactIds.length === 0) return 0;
  try {
    await embedding('index').indexArtifacts({ ...record, artifactIds });
  } catch (error) {
    await intake.recordFailure({ ...record, kind: 'index', piece: 0, ...failureOf(error) });
    return 0;
  }
  await makeRedactedCopy(() => vision('mask what was redacted').redactPicture(record));
  return artifactIds.length;
}

/** The record makes do with its text, where it has any; else it gets its caption now. */
async function withoutCaption(
  record: InteractionRef,
  text: ArtifactResult | undefined,
): Promise<ArtifactResult | undefined> {
  if (text?.state === 'active' && text.chunks > 0) {
    await intake.recordFailure({ ...record, kind: 'caption', piece: 0, reason: CAPTION_DEFERRED });
    return undefined;
  }
  const step = vision('caption, for there is no text').captionScreen({ ...record, needed: true });
  const made = await recognise(record, 'caption', step);
  return made?.deferred === true ? undefined : made;
}

async function recognise<Result extends CaptionResult>(
  record: InteractionRef,
  kind: FailureRecord['kind'],
  step: Promise<Result>,
): Promise<Result | undefined> {
  try {
    return await step;
  } catch (error) {
    await intake.recordFailure({ ...record, kind, piece: 0, ...failureOf(error) });
    return undefined;
  }
}
