import {
  ActivityFailure,
  ApplicationFailure,
  continueAsNew,
  setCurrentDetails,
  workflowInfo,
} from '@temporalio/workflow';
import type { FailureRecord, InteractionRef } from '../src/domain/activities.ts';
import { eachOf } from '../src/domain/each-of.ts';
import { failureOf } from './failure.ts';
import { deferred, laterEmbedding, laterVision } from './proxies.ts';

export interface RedoneCaptions {
  readonly made: number;
  /** That the model refuses for good, and the record now says so. */
  readonly failed: number;
}

/**
 * Makes captions that gave way under pressure, the oldest first, until none is left or the pressure is back. What waits
 * is in the database: a run that ends early leaves it to the next.
 */
export async function redoCaptions(before?: RedoneCaptions): Promise<RedoneCaptions> {
  let { made, failed } = before ?? { made: 0, failed: 0 };
  for (;;) {
    const { items, parallel } = await deferred('find captions that gave way').findDeferredCaptions();
    let closed = 0;
    await eachOf(items, parallel, async (record) => {
      const outcome = await redo(record);
      if (outcome === 'left') return;
      closed += 1;
      if (outcome === 'made') made += 1;
      else failed += 1;
    });
    setCurrentDetails(`${made} captions made, ${failed} failed`);
    // Those that are left would be found again at once.
    if (closed === 0) return { made, failed };
    if (workflowInfo().continueAsNewSuggested) await continueAsNew<typeof redoCaptions>({ made, failed });
  }
}

async function redo(record: InteractionRef): Promise<'made' | 'failed' | 'left'> {
  let kind: FailureRecord['kind'] = 'caption';
  try {
    const caption = await laterVision('caption').captionScreen(record);
    if (caption.deferred === true) return 'left';
    kind = 'index';
    await laterEmbedding('index').indexArtifacts({ ...record, artifactIds: [caption.artifactId] });
  } catch (error) {
    const why = failureOf(error);
    // A step that meets a pause is not tried again, and the pause ends nevertheless.
    if (why.reason === 'model_paused' || !isLasting(error)) return 'left';
    await deferred('note the failure').closeDeferredCaption({ record, failure: { kind, ...why } });
    return 'failed';
  }
  await deferred('close').closeDeferredCaption({ record, failure: null });
  return 'made';
}

/** Whether the same call would fail again at any time; an outage is waited for. */
function isLasting(error: unknown): boolean {
  const cause = error instanceof ActivityFailure ? error.cause : undefined;
  return cause instanceof ApplicationFailure && cause.nonRetryable === true;
}
