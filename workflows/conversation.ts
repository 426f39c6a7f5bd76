import {
  ActivityFailure,
  continueAsNew,
  defineQuery,
  setCurrentDetails,
  setHandler,
  TimeoutFailure,
  workflowInfo,
} from '@temporalio/workflow';
import type { DeferredBatch, IndexMessagesRequest, IndexMessagesResult } from '../src/domain/activities.ts';
import { PROGRESS_QUERY, type ConversationRef } from '../src/domain/workflows.ts';
import { listenForRings } from './doorbell.ts';
import { chat, embedding } from './proxies.ts';

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
export async function conversation(session: ConversationRef): Promise<ConversationProgress> {
  const doorbell = listenForRings();
  let progress: ConversationProgress = { messages: 0, batches: 0 };
  setHandler(conversationProgressQuery, () => progress);

  for (;;) {
    doorbell.answer();
    const batch = await nextBatch(session, progress.batches);
    progress = { messages: progress.messages + batch.messages, batches: progress.batches + 1 };
    setCurrentDetails(`${progress.messages} messages in ${progress.batches} batches, last closed by ${batch.closedBy}`);
    if (batch.asleep && !doorbell.answer()) return progress;
    if (workflowInfo().continueAsNewSuggested) await continueAsNew<typeof conversation>(session);
  }
}

/** Within this workflow task, which for a lone message is the whole run; else, and in older runs, by an activity. */
async function nextBatch(
  { tenant, sessionId, inOneTask }: ConversationRef,
  batches: number,
): Promise<IndexMessagesResult> {
  const request = { tenant, sessionId, first: batches === 0 };
  const batch = inOneTask === true ? await atOnce(request) : undefined;
  if (batch !== undefined && !('deferred' in batch)) return batch;
  return embedding(request.first ? 'first message' : `batch ${batches + 1}`).indexMessages(request);
}

/** A step that hung, or whose worker did, is left to an activity too. */
async function atOnce(request: IndexMessagesRequest): Promise<IndexMessagesResult | DeferredBatch> {
  try {
    return await chat.indexMessagesAtOnce(request);
  } catch (error) {
    if (error instanceof ActivityFailure && error.cause instanceof TimeoutFailure) return { deferred: true };
    throw error;
  }
}
