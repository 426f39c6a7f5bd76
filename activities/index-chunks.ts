import { chunksToEmbed } from '../src/db/embeddings.ts';
import type { EmbeddingActivities, IndexArtifactsRequest } from '../src/domain/activities.ts';
import { EarshotError } from '../src/domain/errors.ts';
import type { ActivityDependencies } from './dependencies.ts';
import { embedAndStore, only } from './embed-and-store.ts';
import { withHeartbeat } from './heartbeat.ts';
import { indexMessages } from './index-messages.ts';
import { settleRecords } from './settle.ts';
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
  const model = deps.liveEmbeddings.of(version);
  const { written, rejected } = await embedAndStore(deps, { tenant, version, model, chunks, pickedUpAt: null }, signal);
  if (rejected.length > 0) throw new EarshotError('model_rejected', rejected[0]!.detail);
  if (chunks.length > 0 && written.length === 0) {
    throw new EarshotError('erased', `record ${interactionId} was captured before its customer's erasure`);
  }
  await settleRecords(deps, tenant, [interactionId], written);
  writeBeside(deps, tenant, only(chunks, written));
  return { chunks: written.length };
}
