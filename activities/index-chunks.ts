import { Context } from '@temporalio/activity';
import {
  chunksToEmbed,
  storeEmbeddings,
  takeMessages,
  type ChunkToEmbed,
  type MessageBatch,
} from '../src/db/embeddings.ts';
import { recordFailedPiece } from '../src/db/artifacts.ts';
import type {
  BatchClosedBy,
  EmbeddingActivities,
  IndexArtifactsRequest,
  IndexMessagesRequest,
  IndexMessagesResult,
} from '../src/domain/activities.ts';
import { EarshotError } from '../src/domain/errors.ts';
import { embeddingIdOf } from '../src/domain/ids.ts';
import { lineageDepths } from '../src/domain/lineage-depth.ts';
import type { IndexVersionRow } from '../src/db/index-versions.ts';
import { noteRun } from '../src/lineage/run-notes.ts';
import type { EmbeddingModel } from '../src/models/ports.ts';
import type { ActivityDependencies } from './dependencies.ts';
import { currentRun, withHeartbeat } from './heartbeat.ts';
import { settleErased, settleRecords } from './settle.ts';
import { writeBeside } from './write-beside.ts';

/** Embeds chunks and makes them reachable by vector. */
export function embeddingActivities(deps: ActivityDependencies): EmbeddingActivities {
  return {
    indexArtifacts: (request) => withHeartbeat((signal) => indexArtifacts(deps, request, signal)),
    indexMessages: (request) => withHeartbeat((signal) => indexMessages(deps, request, signal)),
  };
}

async function indexArtifacts(
  deps: ActivityDependencies,
  { tenant, interactionId, artifactIds }: IndexArtifactsRequest,
  signal: AbortSignal,
): Promise<{ chunks: number }> {
  const db = deps.database.forTenant(tenant).app;
  const version = deps.indexVersions.live();
  const chunks = await chunksToEmbed(db, tenant, artifactIds, version.index_version);
  const model = deps.embeddings.of(version);
  const { written, rejected } = await embedAndStore(deps, { tenant, version, model, chunks, pickedUpAt: null }, signal);
  if (rejected.length > 0) throw new EarshotError('model_rejected', rejected[0]!.detail);
  if (chunks.length > 0 && written.length === 0) {
    throw new EarshotError('erased', `record ${interactionId} was captured before its customer's erasure`);
  }
  await settleRecords(deps, tenant, [interactionId], written);
  writeBeside(deps, tenant, only(chunks, written));
  return { chunks: written.length };
}

async function indexMessages(
  deps: ActivityDependencies,
  { tenant, sessionId, first }: IndexMessagesRequest,
  signal: AbortSignal,
): Promise<IndexMessagesResult> {
  const version = deps.indexVersions.live();
  const { batch, closedBy } = await collectBatch(deps, tenant, sessionId, version, first, signal);
  if (batch === undefined) return { messages: 0, closedBy, asleep: true };
  const { chunks, pickedUpAt } = batch;
  const model = deps.embeddings.of(version);
  const { written, rejected } = await embedAndStore(deps, { tenant, version, model, chunks, pickedUpAt }, signal);
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

/**
 * The first message since the session woke goes at once. Those that came meanwhile wait for each other until the batch
 * is full or its oldest has waited long enough.
 */
async function collectBatch(
  deps: ActivityDependencies,
  tenant: string,
  sessionId: string,
  { index_version: version }: IndexVersionRow,
  first: boolean,
  signal: AbortSignal,
): Promise<{ batch: MessageBatch | undefined; closedBy: BatchClosedBy }> {
  const db = deps.database.forTenant(tenant).app;
  const limit = deps.dials.get('chat.batch_max_messages');
  const windowMs = deps.dials.get('chat.batch_window_ms');
  const take = () => takeMessages(db, tenant, sessionId, limit, version);
  const batch = await take();
  if (batch !== undefined && batch.waiting >= limit) return { batch, closedBy: 'size' };
  if (first || batch === undefined || batch.waiting === 0) return { batch, closedBy: first ? 'first' : 'time' };
  if (batch.oldestMs >= windowMs) return { batch, closedBy: 'time' };
  signal.throwIfAborted();
  await Context.current().sleep(windowMs - batch.oldestMs);
  const filled = await take();
  return { batch: filled, closedBy: (filled?.waiting ?? 0) >= limit ? 'size' : 'time' };
}

export interface Embedded {
  readonly written: readonly string[];
  /** Chunks that the model refuses, each on its own. */
  readonly rejected: readonly RejectedChunk[];
}

type RejectedChunk = ChunkToEmbed & Rejection;

interface Rejection {
  /** What the endpoint answered, in words that quote nothing. */
  readonly detail: string;
}

export interface ToEmbed {
  readonly tenant: string;
  readonly version: IndexVersionRow;
  /** Of the version: in turns, for what nobody waits for. */
  readonly model: EmbeddingModel;
  readonly chunks: readonly ChunkToEmbed[];
  readonly pickedUpAt: Date | null;
}

/** Embeds chunks by the model of an index version and stores the vectors, as far as the fence lets them. */
export async function embedAndStore(
  deps: ActivityDependencies,
  { tenant, version, model, chunks, pickedUpAt }: ToEmbed,
  signal: AbortSignal,
): Promise<Embedded> {
  const known = chunks.flatMap((chunk) => (chunk.known_vector === null ? [] : [{ chunk, vector: chunk.known_vector }]));
  deps.metrics.modelCallsSpared.inc({ kind: 'embedding' }, known.length);
  const unknown = chunks.filter(({ known_vector }) => known_vector === null);
  const { embedded, rejected } = await embedEach(model, tenant, unknown, signal);
  noteRun({
    read: { chunk: chunks.length },
    versions: { embedding: `${version.model}@v${version.index_version}` },
    assertions: [{ dataset: 'chunk', assertion: 'embedding_model_accepts_it', success: rejected.length === 0 }],
  });
  if (embedded.length + known.length === 0) return { written: [], rejected };
  const written = await storeEmbeddings(deps.database.forTenant(tenant).app, {
    tenant,
    indexVersion: version.index_version,
    model: version.model,
    modelVersion: version.model,
    codeVersion: deps.codeVersion,
    lineageDepths: lineageDepths(deps.dials),
    ...currentRun(),
    pickedUpAt,
    rows: [...known, ...embedded].map(({ chunk, vector }) => ({
      chunkId: chunk.chunk_id,
      embeddingId: embeddingIdOf(chunk.chunk_id, version.index_version),
      vector,
    })),
  });
  noteRun({ made: { embedding: written.length } });
  return { written, rejected };
}

/** One request for all; when the endpoint refuses it, one for each, so that one bad text fails alone. */
export async function embedEach<Text extends { readonly text: string; readonly customer_key: string }>(
  model: EmbeddingModel,
  tenant: string,
  chunks: readonly Text[],
  signal: AbortSignal,
): Promise<{ embedded: { chunk: Text; vector: readonly number[] }[]; rejected: (Text & Rejection)[] }> {
  const embedded: { chunk: Text; vector: readonly number[] }[] = [];
  const rejected: (Text & Rejection)[] = [];
  const embedAll = async (some: readonly Text[]): Promise<void> => {
    if (some.length === 0) return;
    try {
      const vectors = await model.embed(
        some.map(({ text }) => text),
        signal,
        ownerOf(tenant, some),
      );
      some.forEach((chunk, index) => embedded.push({ chunk, vector: vectors[index]! }));
    } catch (error) {
      if (!(error instanceof EarshotError) || error.code !== 'model_rejected') throw error;
      if (some.length === 1) rejected.push({ ...some[0]!, detail: error.message });
      else for (const chunk of some) await embedAll([chunk]);
    }
  };
  await embedAll(chunks);
  return { embedded, rejected };
}

/** Whose the texts are, under whom their vectors may be remembered; of several customers, nobody's. */
function ownerOf(tenant: string, texts: readonly { readonly customer_key: string }[]): string | undefined {
  const owners = new Set(texts.map(({ customer_key }) => customer_key));
  return owners.size === 1 ? `${tenant}/${texts[0]!.customer_key}` : undefined;
}

function only(chunks: readonly ChunkToEmbed[], written: readonly string[]): ChunkToEmbed[] {
  const ids = new Set(written);
  return chunks.filter(({ chunk_id }) => ids.has(chunk_id));
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
