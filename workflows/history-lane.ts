import { continueAsNew, defineQuery, setCurrentDetails, setHandler, sleep, workflowInfo } from '@temporalio/workflow';
import { PROGRESS_QUERY, type HistoryLaneInput, type HistoryProgress } from '../src/domain/workflows.ts';
import { listenForRings } from './doorbell.ts';
import { history } from './proxies.ts';

export const historyProgressQuery = defineQuery<HistoryProgress>(PROGRESS_QUERY);

/**
 * Makes the messages of a tenant's history reachable by vector, hundreds at a time from many conversations, until none
 * waits. Which they are is in Postgres alone: nothing here names a conversation, so an erasure has nothing to delete.
 *
 * Nothing is left behind. A conversation that wakes into the lane rings; a ring that comes before this run has closed
 * makes the server refuse the closing, and the loop goes on; one that is lost is found by the sweep.
 */
export async function historyLane({ tenant, before }: HistoryLaneInput): Promise<HistoryProgress> {
  const doorbell = listenForRings();
  let progress: HistoryProgress = before ?? { messages: 0, batches: 0, left: 0 };
  let heldMs = 0;
  let steps = 0;
  setHandler(historyProgressQuery, () => progress);

  for (;;) {
    doorbell.answer();
    const batch = await history(`batch ${progress.batches + 1}`).indexHistory({ tenant, heldMs });
    heldMs = batch.heldMs;
    steps += 1;
    progress = {
      messages: progress.messages + batch.messages,
      batches: progress.batches + (heldMs > 0 ? 0 : 1),
      left: progress.left + batch.left,
    };
    setCurrentDetails(
      `${progress.messages} messages in ${progress.batches} batches, ${progress.left} conversations left to themselves` +
        (heldMs > 0 ? '; held because of pressure' : ''),
    );
    if (batch.again !== 'now') await sleep(batch.waitMs);
    if (batch.again === 'if rung' && !doorbell.ringing()) return progress;
    // What is held has been so for some time, which the next run would not know. What rang is heard: it begins with a step.
    const long = steps >= (batch.stepsPerRun ?? Infinity) || workflowInfo().continueAsNewSuggested;
    if (heldMs === 0 && long) await continueAsNew<typeof historyLane>({ tenant, before: progress });
  }
}
