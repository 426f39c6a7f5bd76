import { findRecord } from '../../src/db/artifacts.ts';
import { probeReachable, stampReachable } from '../../src/db/embeddings.ts';
import type { IndexVersionRow } from '../../src/db/index-versions.ts';
import { listIndexVersions } from '../../src/db/index-versions.ts';
import { lockRecord } from '../../src/db/record-lock.ts';
import {
  loadArtifacts,
  reopenRecords,
  restoreEdges,
  restoreVectorEdges,
  textsWithoutVector,
  type StoredArtifactRow,
} from '../../src/db/reconcile-repairs.ts';
import type { MissingRow } from '../../src/db/reconciled-rows.ts';
import { recutChunks } from '../../src/db/recut-chunks.ts';
import { chunkPassages, CHUNKER_VERSION } from '../../src/domain/chunking.ts';
import { EarshotError } from '../../src/domain/errors.ts';
import { eventTimeOf } from '../../src/domain/event-time.ts';
import { chunkIdOf, embeddingIdOf } from '../../src/domain/ids.ts';
import type { ComparedStore } from '../../src/domain/reconciliation.ts';
import { noteRun } from '../../src/lineage/run-notes.ts';
import { backgroundModel } from '../background-model.ts';
import type { ActivityDependencies } from '../dependencies.ts';
import { embedAndStore } from '../embed-and-store.ts';
import { storeMessage } from '../store-message.ts';

/** What was done about missing rows; whether they are there now is looked up again. */
export interface Repairs {
  /** Records that were handed back to their workflows. */
  readonly reopened: readonly string[];
  /** Why the rest cannot be repaired, if it stays missing. */
  readonly code: string;
}

/** Makes anew what is missing of one store, from what is left of the others. Everything goes through the fence. */
export function repairMissing(
  deps: ActivityDependencies,
  tenant: string,
  store: ComparedStore,
  missing: readonly MissingRow[],
  signal: AbortSignal,
): Promise<Repairs> {
  switch (store) {
    case 'artifact':
      return remakeArtifacts(deps, tenant, missing);
    case 'chunk':
      return recutArtifacts(deps, tenant, missing);
    case 'vector':
      return embedAgain(deps, tenant, missing, signal);
    case 'lineage':
      return traceAgain(deps, tenant, missing);
  }
}

/** A message's text is in its sealed payload. A call or screenshot goes back to its workflow, which skips what is stored. */
async function remakeArtifacts(
  deps: ActivityDependencies,
  tenant: string,
  missing: readonly MissingRow[],
): Promise<Repairs> {
  const toReopen: string[] = [];
  let code = 'not_made_anew';
  const { app } = deps.database.forTenant(tenant);
  for (const { interaction_id: interactionId } of missing) {
    const record = await findRecord(app, tenant, interactionId);
    if (record === undefined) continue;
    if (record.modality !== 'chat') {
      toReopen.push(interactionId);
      continue;
    }
    await storeMessage(deps, tenant, record, 'active').catch((error: unknown) => {
      if (!(error instanceof EarshotError) || error.retryable) throw error;
      code = error.code;
    });
  }
  const reopened = toReopen.length === 0 ? [] : await reopenRecords(app, tenant, toReopen);
  return { reopened, code };
}

/** Chunks follow from their artifact, if it was cut by today's rules. */
async function recutArtifacts(
  deps: ActivityDependencies,
  tenant: string,
  missing: readonly MissingRow[],
): Promise<Repairs> {
  const { app } = deps.database.forTenant(tenant);
  const ids = [...new Set(missing.flatMap(({ artifact_id }) => artifact_id ?? []))];
  let code = 'not_made_anew';
  for (const artifact of await loadArtifacts(app, tenant, ids)) {
    if ((artifact.parameters['chunker'] ?? CHUNKER_VERSION) !== CHUNKER_VERSION) code = 'cut_by_older_rules';
    else await recut(deps, tenant, artifact);
  }
  return { reopened: [], code };
}

async function recut({ database }: ActivityDependencies, tenant: string, artifact: StoredArtifactRow): Promise<void> {
  const tenantDatabase = database.forTenant(tenant);
  const { artifact_id: artifactId, interaction_id: interactionId } = artifact;
  const record = await findRecord(tenantDatabase.app, tenant, interactionId);
  if (record === undefined) return;
  const chunks = chunkPassages(artifact.content);
  await tenantDatabase.transaction(async (transaction) => {
    await lockRecord(transaction, tenant, interactionId);
    await recutChunks(transaction, {
      ...{ tenant, interactionId, artifactId, chunkerVersion: CHUNKER_VERSION },
      activity: artifact.activity ?? 'chunk',
      chunks: chunks.map((chunk) => ({ ...chunk, chunkId: chunkIdOf(artifactId, chunk.ordinal) })),
      eventTimes: chunks.map(({ place }) => eventTimeOf(record, place)),
    });
  });
  noteRun({ read: { artifact: 1 }, made: { chunk: chunks.length }, versions: { chunker: CHUNKER_VERSION } });
}

async function embedAgain(
  deps: ActivityDependencies,
  tenant: string,
  missing: readonly MissingRow[],
  signal: AbortSignal,
): Promise<Repairs> {
  const versions = await listIndexVersions(deps.database.deployment);
  let code = 'refused';
  for (const [number, rows] of Map.groupBy(missing, ({ index_version }) => index_version)) {
    const version = versions.find(({ index_version }) => index_version === number);
    const chunkIds = rows.flatMap(({ chunk_id }) => chunk_id ?? []);
    if (version === undefined) continue;
    try {
      if (await embedInto(deps, tenant, version, chunkIds, signal)) code = 'model_rejected';
    } catch (error) {
      // The model of a version that no longer answers may be switched off for good.
      if (version.state === 'live' || !(error instanceof EarshotError) || !error.code.startsWith('model_')) throw error;
      code = 'beside_unavailable';
    }
  }
  return { reopened: [], code };
}

/** Answers whether the model refused any. */
async function embedInto(
  deps: ActivityDependencies,
  tenant: string,
  version: IndexVersionRow,
  chunkIds: readonly string[],
  signal: AbortSignal,
): Promise<boolean> {
  const { app, reader } = deps.database.forTenant(tenant);
  const { index_version: indexVersion } = version;
  const chunks = await textsWithoutVector(app, tenant, indexVersion, version.model, chunkIds);
  const model = backgroundModel(deps, version);
  const { written, rejected } = await embedAndStore(deps, { tenant, version, model, chunks, pickedUpAt: null }, signal);
  const seen = written.length === 0 ? [] : await probeReachable(reader, tenant, indexVersion, written);
  if (seen.length > 0) await stampReachable(app, tenant, indexVersion, seen);
  return rejected.length > 0;
}

async function traceAgain(
  deps: ActivityDependencies,
  tenant: string,
  missing: readonly MissingRow[],
): Promise<Repairs> {
  const { app } = deps.database.forTenant(tenant);
  await restoreEdges(
    app,
    tenant,
    missing.filter(({ index_version }) => index_version === null),
  );
  const edges = missing.flatMap(({ chunk_id: chunkId, index_version: indexVersion }) =>
    chunkId === null || indexVersion === null
      ? []
      : [{ chunkId, indexVersion, embeddingId: embeddingIdOf(chunkId, indexVersion) }],
  );
  if (edges.length > 0) await restoreVectorEdges(app, tenant, deps.codeVersion, edges);
  return { reopened: [], code: 'refused' };
}
