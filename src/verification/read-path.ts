import { createHmac } from 'node:crypto';
import type { IndexVersionRow } from '../db/index-versions.ts';
import type { Queryable } from '../db/pools.ts';
import { retrieveCandidates, type CandidateRow } from '../db/retrieval.ts';
import type { StoreCounts } from '../domain/erasure.ts';
import type { ErasedSubject } from './subject.ts';

/** More than any erased remainder that a retry has to tell of. */
const CANDIDATES = 500;

/** A text under the deployment's secret: it can be recognised again, and not be guessed. */
export function hashText(secret: Buffer, text: string): string {
  return createHmac('sha256', secret).update('erased text').update(text).digest('hex');
}

/**
 * Asks as a copilot does, in the reader's role and in every version of the index, of the customer and of all. Within a
 * customer search is exact, so any vector brings back whatever there is. Counts hits that are remembered chunks, were
 * captured before the watermark, or say of a time before it what an erased chunk said.
 */
export async function countFound(
  reader: Queryable,
  versions: readonly IndexVersionRow[],
  subject: ErasedSubject,
  secret: Buffer,
): Promise<StoreCounts> {
  const { tenant, customerKey, erasedBefore, probes } = subject;
  const ids = new Set(probes.chunks.map(({ chunkId }) => chunkId));
  const hashes = new Set(probes.chunks.map(({ textHash }) => textHash));
  const isErased = (row: CandidateRow) =>
    ids.has(row.chunk_id) ||
    (row.customer_key === customerKey &&
      (row.captured_at <= erasedBefore || (row.event_time <= erasedBefore && hashes.has(hashText(secret, row.text)))));
  let found = 0;
  for (const version of versions) {
    const vector = Array.from({ length: version.dimensions }, (_, index) => (index === 0 ? 1 : 0));
    for (const asked of customerKey === null ? [null] : [customerKey, null]) {
      const query = { tenant, customerKey: asked, words: null, vector, modalities: null, from: null, to: null };
      const rows = await retrieveCandidates(reader, version, { ...query, minConfidence: 0, candidates: CANDIDATES });
      found += rows.filter(isErased).length;
    }
  }
  return { 'retrieval.found': found };
}
