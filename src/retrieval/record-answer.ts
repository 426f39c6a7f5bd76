import type { TenantDatabase } from '../db/pools.ts';
import { recordRetrieval } from '../db/retrieval-log.ts';
import { sealedGeneration } from '../raw-store/envelope.ts';
import type { Answer, Question, RetrievalDependencies } from './retrieve.ts';

/** Names the row that a query's words are sealed into. */
export function queryContext(tenant: string, retrievalId: string): string {
  return `retrieval/${tenant}/${retrievalId}`;
}

/** Keeps what was asked and answered. The words of a query are kept only sealed under the key of the customer asked about. */
export async function recordAnswer(
  { keyRing }: RetrievalDependencies,
  database: TenantDatabase,
  indexVersion: number,
  question: Question,
  answer: Answer,
): Promise<void> {
  const { tenant, customerKey, askedBy, query, mode, k, minConfidence, modalities, from, to, asOf } = question;
  const { retrievalId } = answer;
  // A customer nobody knows gets no data key from a mere question.
  const sealedQuery =
    customerKey === null || answer.history === 'none'
      ? null
      : await keyRing.seal(tenant, customerKey, Buffer.from(query), queryContext(tenant, retrievalId));
  const record = {
    tenant,
    retrievalId,
    customerKey,
    askedBy,
    sealedQuery,
    keyGeneration: sealedQuery === null ? null : sealedGeneration(sealedQuery),
    mode,
    filters: { k, minConfidence, modalities, from, to, asOf },
    indexVersion,
    degraded: answer.degraded,
    tookMs: answer.tookMs,
    hits: answer.results.map((hit) => ({
      chunkId: hit.chunkId,
      score: hit.score,
      textRank: hit.ranks.text,
      vectorRank: hit.ranks.vector,
      reachableAt: hit.reachableAt,
    })),
  };
  const kept = await recordRetrieval(database.app, record)
    // A hit was erased at that moment: once more without it.
    .catch(() => recordRetrieval(database.app, record));
  // What was asked before the fence is not kept after it; the next question gets the new key.
  if (!kept && customerKey !== null) keyRing.forget(tenant, customerKey);
}
