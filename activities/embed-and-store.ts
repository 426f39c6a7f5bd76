import type { ChunkToEmbed } from '../src/db/embeddings.ts';
import type { IndexVersionRow } from '../src/db/index-versions.ts';
import { EarshotError } from '../src/domain/errors.ts';
import { embeddingIdOf } from '../src/domain/ids.ts';
import { lineageDepths } from '../src/domain/lineage-depth.ts';
import { noteRun } from '../src/lineage/run-notes.ts';
import type { EmbeddingModel } from '../src/models/ports.ts';
import type { ActivityDependencies } from './dependencies.ts';
import { currentRun } from './heartbeat.ts';

export interface Embedded {
  readonly written: readonly string[];
  /** Chunks that the model refuses, each on its own. */
  readonly rejected: readonly RejectedChunk[];
}

export type RejectedChunk = ChunkToEmbed & Rejection;

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
  const run = currentRun();
  const written = await deps.writes.store({
    tenant,
    indexVersion: version.index_version,
    model: version.model,
    modelVersion: version.model,
    codeVersion: deps.codeVersion,
    lineageDepths: lineageDepths(deps.dials),
    rows: [...known, ...embedded].map(({ chunk, vector }) => ({
      chunkId: chunk.chunk_id,
      embeddingId: embeddingIdOf(chunk.chunk_id, version.index_version),
      vector,
      pickedUpAt,
      ...run,
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

export function only(chunks: readonly ChunkToEmbed[], written: readonly string[]): ChunkToEmbed[] {
  const ids = new Set(written);
  return chunks.filter(({ chunk_id }) => ids.has(chunk_id));
}
