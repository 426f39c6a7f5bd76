import { continueAsNew, defineQuery, setCurrentDetails, setHandler, workflowInfo } from '@temporalio/workflow';
import { PROGRESS_QUERY, type SessionRef } from '../src/domain/workflows.ts';
import { listenForRings } from './doorbell.ts';
import { embedding } from './proxies.ts';

export interface ConversationProgress {
  readonly messages: number;
  readonly batches: number;
}

export const conversationProgressQuery = defineQuery<ConversationProgress>(PROGRESS_QUERY);

/**
 * Makes the messages of one chat reachable by vector, batch by batch, until none waits; the next message starts the
 * next run. The messages are in Postgres: a ring says no more than "look".
 *
 * Nothing is left behind. The batch that empties the conversation puts it to sleep in the same transaction, unless a
 * message arrived; a message that finds it asleep rings; and a ring that comes before this run has closed makes the
 * server refuse the closing, so the loop goes on.
 */
export async function conversation(session: SessionRef): Promise<ConversationProgress> {
  const doorbell = listenForRings();
  let progress: ConversationProgress = { messages: 0, batches: 0 };
  setHandler(conversationProgressQuery, () => progress);

  for (;;) {
    doorbell.answer();
    const first = progress.batches === 0;
    const batch = await embedding(first ? 'first message' : `batch ${progress.batches + 1}`).indexMessages({
      ...session,
      first,
    });
    progress = { messages: progress.messages + batch.messages, batches: progress.batches + 1 };
    setCurrentDetails(`${progress.messages} messages in ${progress.batches} batches, last closed by ${batch.closedBy}`);
    if (batch.asleep && !doorbell.answer()) return progress;
    if (workflowInfo().continueAsNewSuggested) await continueAsNew<typeof conversation>(session);
  }
}
