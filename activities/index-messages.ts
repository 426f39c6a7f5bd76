import { setTimeout as delay } from 'node:timers/promises';
import { Context } from '@temporalio/activity';
import { chatBatchLimits } from '../src/batch-limits.ts';
import { recordFailedPiece } from '../src/db/artifacts.ts';
import type { ChunkToEmbed, MessageBatch } from '../src/db/embeddings.ts';
import type { IndexVersionRow } from '../src/db/index-versions.ts';
import type {
  BatchClosedBy,
  ChatActivities,
  DeferredBatch,
  IndexMessagesRequest,
  IndexMessagesResult,
} from '../src/domain/activities.ts';
import { EarshotError } from '../src/domain/errors.ts';
import { errorForLog } from '../src/observe/log.ts';
import type { ActivityDependencies } from './dependencies.ts';
import { embedAndStore, only, type RejectedChunk } from './embed-and-store.ts';
import { parkMessagesWhilePaused } from './park.ts';
import { settleErased, settleRecords } from './settle.ts';
import { tellWhenSlow } from './tell-slow.ts';
import { writeBeside } from './write-beside.ts';

const DEFERRED: DeferredBatch = { deferred: true };

/**
 * The same step within a workflow task. A model that does not answer in time must not hold tasks up: the batch is then
 * deferred to an activity on the embedding queue, which has the patience, and so are all others for a while.
 */
export function chatActivities(deps: ActivityDependencies): ChatActivities {
  let deferUntil = 0;
  const attempt = async (request: IndexMessagesRequest) => {
    const { cancellationSignal: cancelled } = Context.current();
    try {
      return await indexMessages(deps, request, cancelled, {
        modelDeadlineMs: deps.dials.get('chat.at_once_deadline_ms'),
      });
    } catch (error) {
      if (cancelled.aborted || !isWorthPatience(error)) throw error;
      if (isOfModel(error)) deferUntil = performance.now() + deps.dials.get('chat.defer_after_failure_ms');
      deps.log.warn({ sessionId: request.sessionId, ...errorForLog(error) }, 'a chat batch is left to an activity');
      return DEFERRED;
    }
  };
  return {
    indexMessagesAtOnce: async (request) => {
      const off = deps.dials.get('chat.in_one_task') === 0 || performance.now() < deferUntil;
      const result = off ? DEFERRED : await attempt(request);
      deps.metrics.atOnce.inc({ outcome: 'deferred' in result ? 'deferred' : 'done' });
      return result;
    },
  };
}

/** What a deadline ends is no EarshotError. */
function isWorthPatience(error: unknown): boolean {
  return !(error instanceof EarshotError) || error.retryable;
}

/** Others would wait for it in vain; a statement that failed is no reason for them. */
function isOfModel(error: unknown): boolean {
  return !(error instanceof EarshotError) || error.code.startsWith('model_');
}

/** What bounds a batch. */
interface BatchBounds {
  /** From when its messages are collected; without it the model has its own time. */
  readonly modelDeadlineMs?: number;
  /** Messages at most; without it as many as live ones. */
  readonly limit?: number;
}

/** Makes the next messages of a conversation reachable by vector, and lets it sleep when none is left. */
export function indexMessages(
  deps: ActivityDependencies,
  request: IndexMessagesRequest,
  signal: AbortSignal,
  bounds: BatchBounds = {},
): Promise<IndexMessagesResult> {
  return parkMessagesWhilePaused(deps, request, () => indexBatch(deps, request, signal, bounds));
}

async function indexBatch(
  deps: ActivityDependencies,
  { tenant, sessionId, first }: IndexMessagesRequest,
  signal: AbortSignal,
  { modelDeadlineMs, limit }: BatchBounds,
): Promise<IndexMessagesResult> {
  const version = deps.indexVersions.live();
  const limits = chatBatchLimits(deps);
  const bounded = { ...limits, messages: limit ?? limits.messages };
  const { batch, closedBy } = await collectBatch(deps, { tenant, sessionId, first }, version, bounded, signal);
  if (batch === undefined) return { messages: 0, closedBy, asleep: true };
  const { chunks, pickedUpAt } = batch;
  const model = deps.liveEmbeddings.of(version);
  const { written, rejected } = await tellWhenSlow(deps, tenant, batch, () =>
    embedAndStore(deps, { tenant, version, model, chunks, pickedUpAt }, within(modelDeadlineMs, signal)),
  );
  await recordRejected(deps, tenant, rejected);
  await settleErased(deps, tenant, refused(batch.chunks, written, rejected));
  const emptied = batch.waiting <= batch.interactionIds.length;
  const sleep = emptied ? { sessionId, arrivals: batch.arrivals } : undefined;
  const asleep = await settleRecords(deps, tenant, batch.interactionIds, written, sleep);
  writeBeside(deps, tenant, only(batch.chunks, written));
  const messages = batch.interactionIds.length;
  deps.metrics.batches.observe({ closed_by: closedBy }, messages);
  deps.log.info({ sessionId, messages, chunks: written.length, closedBy }, 'chat batch indexed');
  return { messages, closedBy, asleep };
}

function within(deadlineMs: number | undefined, signal: AbortSignal): AbortSignal {
  return deadlineMs === undefined ? signal : AbortSignal.any([signal, AbortSignal.timeout(deadlineMs)]);
}

/**
 * The first message since the session woke goes at once. Those that came meanwhile wait for each other until the batch
 * is full or its oldest has waited long enough.
 */
async function collectBatch(
  deps: ActivityDependencies,
  { tenant, sessionId, first }: IndexMessagesRequest,
  { index_version: version }: IndexVersionRow,
  { messages: limit, windowMs }: ReturnType<typeof chatBatchLimits>,
  signal: AbortSignal,
): Promise<{ batch: MessageBatch | undefined; closedBy: BatchClosedBy }> {
  const take = () => deps.writes.take(tenant, version, { sessionId, limit });
  const batch = await take();
  if (batch !== undefined && batch.waiting >= limit) return { batch, closedBy: 'size' };
  if (first || batch === undefined || batch.waiting === 0) return { batch, closedBy: first ? 'first' : 'time' };
  if (batch.oldestMs >= windowMs) return { batch, closedBy: 'time' };
  signal.throwIfAborted();
  await delay(windowMs - batch.oldestMs, undefined, { signal });
  const filled = await take();
  return { batch: filled, closedBy: (filled?.waiting ?? 0) >= limit ? 'size' : 'time' };
}

async function recordRejected(deps: ActivityDependencies, tenant: string, rejected: readonly RejectedChunk[]) {
  const { database, codeVersion } = deps;
  const indexVersion = deps.indexVersions.live().index_version;
  for (const [interactionId, detail] of new Map(rejected.map((chunk) => [chunk.interaction_id, chunk.detail]))) {
    await recordFailedPiece(database.forTenant(tenant).app, {
      tenant,
      interactionId,
      artifactId: interactionId,
      kind: 'index',
      piece: 0,
      reason: 'model_rejected',
      detail,
      indexVersion,
      codeVersion,
    });
  }
}

/** Records none of whose chunks the fence let through. */
function refused(
  chunks: readonly ChunkToEmbed[],
  written: readonly string[],
  rejected: readonly ChunkToEmbed[],
): string[] {
  const kept = new Set([...written, ...rejected.map(({ chunk_id }) => chunk_id)]);
  return [...new Set(chunks.filter(({ chunk_id }) => !kept.has(chunk_id)).map(({ interaction_id }) => interaction_id))];
}
