import { probeReachable, stampReachable, type ChunkToEmbed } from '../src/db/embeddings.ts';
import type { IndexVersionRow } from '../src/db/index-versions.ts';
import { storeVersionVectors } from '../src/db/version-vectors.ts';
import { embeddingIdOf } from '../src/domain/ids.ts';
import { lineageDepths } from '../src/domain/lineage-depth.ts';
import { WRITE_BESIDE } from '../src/lineage/jobs.ts';
import { noteRun } from '../src/lineage/run-notes.ts';
import { tellRun } from '../src/lineage/tell-run.ts';
import { errorForLog } from '../src/observe/log.ts';
import { backgroundModel } from './background-model.ts';
import type { ActivityDependencies } from './dependencies.ts';
import { currentRun } from './heartbeat.ts';
import { currentAttempt } from './lineage-interceptor.ts';

/** Of one process. A slow model must not pile up work: what is skipped, the run that keeps the version finds. */
const MOST_AT_A_TIME = 8;
let underWay = 0;

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
    void tellRun(deps.lineage, attempt, undefined, () => write(deps, tenant, version, chunks, deadline))
      .then(() => deps.metrics.besides.inc({ outcome: 'stored' }, chunks.length))
      .catch((error: unknown) => {
        deps.metrics.besides.inc({ outcome: 'failed' }, chunks.length);
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
): Promise<void> {
  const run = currentRun();
  const texts = chunks.map(({ text }) => text);
  const vectors = await backgroundModel(deps, version).embed(texts, signal);
  const rows = chunks.map(({ chunk_id: chunkId }, index) => ({ chunkId, vector: vectors[index]! }));
  await storeAndProve(deps, tenant, version, rows, run);
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
  const { app, reader } = deps.database.forTenant(tenant);
  const seen = await probeReachable(reader, tenant, indexVersion, chunkIds);
  if (seen.length > 0) await stampReachable(app, tenant, indexVersion, seen);
}
