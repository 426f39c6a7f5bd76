import { probeReachable, stampReachable, type ChunkToEmbed } from '../src/db/embeddings.ts';
import type { IndexVersionRow } from '../src/db/index-versions.ts';
import { storeVersionVectors } from '../src/db/version-vectors.ts';
import { embeddingIdOf } from '../src/domain/ids.ts';
import { lineageDepths } from '../src/domain/lineage-depth.ts';
import { WRITE_BESIDE } from '../src/lineage/jobs.ts';
import { noteRun } from '../src/lineage/run-notes.ts';
import { tellRun } from '../src/lineage/tell-run.ts';
import { errorForLog } from '../src/observe/log.ts';
import type { EmbeddingModel } from '../src/models/ports.ts';
import type { ActivityDependencies } from './dependencies.ts';
import { currentRun } from './heartbeat.ts';
import { currentAttempt } from './lineage-interceptor.ts';

/** Of one process. A slow model must not pile up work: what is skipped, the run that keeps the version finds. */
const MOST_AT_A_TIME = 8;
let underWay = 0;

/**
 * Requests go one after the other, whatever comes in at once: no more than one is ahead of a live text. They wait for
 * nothing else: behind those of a whole walk they would be late as long as it lasts.
 */
let lastRequest: Promise<unknown> = Promise.resolve();

/**
 * Writes texts that the live version has just got into the versions beside it too, each by its own model. Nobody waits
 * for it and nothing depends on it.
 */
export function writeBeside(deps: ActivityDependencies, tenant: string, chunks: readonly ChunkToEmbed[]): void {
  const deadlineMs = deps.dials.get('reindex.beside_deadline_ms');
  if (chunks.length === 0 || deadlineMs === 0) return;
  for (const version of deps.indexVersions.besides()) {
    if (underWay >= MOST_AT_A_TIME) {
      deps.metrics.besides.inc({ outcome: 'skipped' }, chunks.length);
      continue;
    }
    underWay += 1;
    const attempt = currentAttempt(tenant, WRITE_BESIDE, 'writeBeside', `/v${version.index_version}`);
    const deadline = AbortSignal.timeout(deadlineMs);
    let left = chunks.length;
    const onStored = (some: number) => {
      left -= some;
      deps.metrics.besides.inc({ outcome: 'stored' }, some);
    };
    void tellRun(deps.lineage, attempt, undefined, () => write(deps, tenant, version, chunks, deadline, onStored))
      .catch((error: unknown) => {
        deps.metrics.besides.inc({ outcome: 'failed' }, left);
        deps.log.warn(
          { indexVersion: version.index_version, ...errorForLog(error) },
          'a version beside was not written',
        );
      })
      .finally(() => (underWay -= 1));
  }
}

async function write(
  deps: ActivityDependencies,
  tenant: string,
  version: IndexVersionRow,
  chunks: readonly ChunkToEmbed[],
  signal: AbortSignal,
  onStored: (chunks: number) => void,
): Promise<void> {
  const run = currentRun();
  const size = deps.dials.get('reindex.chunks_per_request');
  await embedByPortions(deps.embeddings.of(version), chunks, size, signal, async (rows) => {
    await storeAndProve(deps, tenant, version, rows, run);
    onStored(rows.length);
  });
}

/** What was made is stored before the next is asked for: when the time is over, less is left to do. */
export async function embedByPortions(
  model: EmbeddingModel,
  chunks: readonly Pick<ChunkToEmbed, 'chunk_id' | 'text'>[],
  size: number,
  signal: AbortSignal,
  store: (rows: readonly MadeVector[]) => Promise<void>,
): Promise<void> {
  for (let from = 0; from < chunks.length; from += size) {
    const some = chunks.slice(from, from + size);
    const texts = some.map(({ text }) => text);
    const vectors = await afterLastRequest(signal, () => model.embed(texts, signal));
    await store(some.map(({ chunk_id: chunkId }, index) => ({ chunkId, vector: vectors[index]! })));
  }
}

/** Each request has a deadline, so the wait ends. */
function afterLastRequest<T>(signal: AbortSignal, request: () => Promise<T>): Promise<T> {
  const answer = lastRequest.then(() => {
    signal.throwIfAborted();
    return request();
  });
  lastRequest = answer.catch(() => undefined);
  return answer;
}

export interface MadeVector {
  readonly chunkId: string;
  readonly vector: readonly number[];
}

/** Stores vectors of a version, asks the read path for them and stamps what it returns. Answers what is present. */
export async function storeAndProve(
  deps: ActivityDependencies,
  tenant: string,
  version: IndexVersionRow,
  rows: readonly MadeVector[],
  run: { readonly workflowId: string | null; readonly runId: string | null },
): Promise<string[]> {
  const { index_version: indexVersion, model } = version;
  const { app } = deps.database.forTenant(tenant);
  const stored = await storeVersionVectors(app, {
    tenant,
    indexVersion,
    model,
    codeVersion: deps.codeVersion,
    lineageDepths: lineageDepths(deps.dials),
    ...run,
    rows: rows.map(({ chunkId, vector }) => ({ chunkId, vector, embeddingId: embeddingIdOf(chunkId, indexVersion) })),
  });
  noteRun({
    read: { chunk: rows.length },
    made: { embedding: stored.length },
    versions: { embedding: `${model}@v${indexVersion}` },
  });
  await prove(deps, tenant, indexVersion, stored);
  return stored;
}

/** Stamps those vectors that the read path returns. */
export async function prove(
  deps: ActivityDependencies,
  tenant: string,
  indexVersion: number,
  chunkIds: readonly string[],
): Promise<void> {
  if (chunkIds.length === 0) return;
  const { app, reader } = deps.database.forTenant(tenant).live;
  const seen = await probeReachable(reader, tenant, indexVersion, chunkIds);
  if (seen.length > 0) await stampReachable(app, tenant, indexVersion, seen);
}
