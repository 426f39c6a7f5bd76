import type { IndexVersionRow } from '../db/index-versions.ts';
import type { Queryable } from '../db/pools.ts';
import { retrieveCandidates, type CandidateRow } from '../db/retrieval.ts';
import type { StoreCounts } from '../domain/erasure.ts';
import type { ErasedSubject } from './subject.ts';

/** More than any erased remainder that a retry has to tell of. */
const CANDIDATES = 500;

/**
 * Asks as a copilot does, in the reader's role and in every version of the index that there is, of the
 * customer and of all. Within a customer search is exact, so any vector
 * brings back whatever an answer could hold: answers hide the erased from the fence on, and the tables tell the rest. Counts hits that
 * are remembered chunks, or that were captured before the watermark.
 */
export async function countFound(
  reader: Queryable,
  versions: readonly IndexVersionRow[],
  { tenant, customerKey, erasedBefore, probes }: ErasedSubject,
): Promise<StoreCounts> {
  const ids = new Set(probes.chunks);
  const isErased = (row: CandidateRow) =>
    ids.has(row.chunk_id) || (row.customer_key === customerKey && row.captured_at <= erasedBefore);
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
