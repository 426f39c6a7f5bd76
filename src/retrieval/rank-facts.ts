import { chunksOfRecords, rankOfRecords, type ChunkRankRow, type Explained, type RankQuery } from '../db/explain.ts';
import { retrieveCandidates } from '../db/retrieval.ts';
import type { RankFacts } from '../domain/explanation.ts';
import { fuse } from '../domain/rank-fusion.ts';
import { redact } from '../domain/redaction.ts';
import { storableText } from '../domain/storable-text.ts';
import type { AskedQuestion } from './asked-question.ts';
import { fusionCandidate, type FusionCandidate } from './fusion-candidate.ts';
import type { RetrievalDependencies } from './retrieve.ts';
import { fusionOptions, searchLimits, type SearchLimits } from './search-limits.ts';

/** Where each of the records stands in the answer to a question, by their best chunk. */
export async function rankFacts(
  deps: RetrievalDependencies,
  explained: Explained,
  question: AskedQuestion,
  vector: readonly number[] | null,
  interactionIds: readonly string[],
): Promise<Map<string, RankFacts>> {
  const { tenant } = explained;
  const { reader } = deps.database.forTenant(tenant);
  const overAll = question.askedAbout === null;
  const words = question.mode === 'vector' || question.words === null ? null : storableText(question.words);
  const limits = searchLimits(deps.dials);
  const query = {
    ...limits,
    common: await deps.commonWords.among(reader, tenant, words ?? '', limits.textRows),
    words,
    vector,
    modalities: question.modalities,
    from: question.from,
    to: question.to,
    minConfidence: question.minConfidence,
    candidates: Math.max(question.k, deps.dials.get('retrieval.candidates')),
  };
  const [chunks, everyone, ofRecords] = await Promise.all([
    rankOfRecords(reader, explained, interactionIds, query),
    overAll && question.words !== null ? rankedOverAll(deps, explained, query) : null,
    question.hits.length === 0 ? [] : chunksOfRecords(reader, tenant, interactionIds),
  ]);
  const places = everyone ?? placesOf(deps, ownCandidates(chunks));
  const recordOf = new Map(ofRecords.map(({ chunk_id, interaction_id }) => [chunk_id, interaction_id]));
  const asked = wordsIn(question.words);
  const foreign = ![undefined, null, explained.customerKey].includes(question.askedAbout);
  const known = question.words !== null;
  const facts = new Map<string, RankFacts>();
  for (const id of interactionIds) {
    const own = chunks.filter(({ interaction_id }) => interaction_id === id);
    const found = own.flatMap(({ chunk_id }) => places.get(chunk_id) ?? []);
    const shownAt = least(
      question.hits.filter(({ chunkId }) => recordOf.get(chunkId) === id).map((hit) => hit.position),
    );
    // Of a question whose words were not kept, only what was shown is known.
    if (!known && shownAt === null && !foreign) continue;
    const rank = known ? least(found.map(({ position }) => position)) : null;
    const ranks = everyone === null ? own.map((row) => ({ text: row.text_rank, vector: row.vector_rank })) : found;
    facts.set(id, {
      k: question.k,
      byWordsAlone: question.mode === 'text' || question.degraded.includes('vector'),
      overAll,
      // What was recorded is what was shown; a question that is only tried shows its first k.
      shownAt: shownAt ?? (question.retrievalId === null && rank !== null && rank <= question.k ? rank : null),
      rank,
      textRank: least(ranks.map(({ text }) => text)),
      vectorRank: least(ranks.map(({ vector }) => vector)),
      of: everyone === null ? (own.find(({ passing }) => passing > 0)?.passing ?? null) : null,
      failedFilters: foreign ? ['customerId'] : filtersOfAll(own),
      ...asked,
    });
  }
  return facts;
}

/** Where a chunk stands after fusion, and in each list. */
interface Place {
  readonly position: number;
  readonly text: number | null;
  readonly vector: number | null;
}

function placesOf({ dials }: RetrievalDependencies, candidates: readonly FusionCandidate[]): Map<string, Place> {
  const fused = fuse(candidates, fusionOptions(dials));
  return new Map(fused.map(({ id, ranks: { text, vector } }, index) => [id, { position: index + 1, text, vector }]));
}

/** What either ranking within the customer would hand on to fusion. */
function ownCandidates(chunks: readonly ChunkRankRow[]): FusionCandidate[] {
  const candidates = chunks.filter(({ candidate }) => candidate);
  const newest = candidates.map(({ event_time }) => event_time.getTime()).toSorted((a, b) => b - a);
  return candidates.map(({ chunk_id: id, event_time: eventTime, text_rank: text, vector_rank: vector }) => ({
    id,
    eventTime,
    ranks: { text, vector, recency: newest.indexOf(eventTime.getTime()) + 1 },
  }));
}

async function rankedOverAll(
  deps: RetrievalDependencies,
  { tenant, version, moment }: Explained,
  query: RankQuery & SearchLimits,
): Promise<Map<string, Place>> {
  const { questions } = deps.database.forTenant(tenant);
  const asked = { ...query, tenant, customerKey: null, asOf: moment };
  const rows = await retrieveCandidates(questions.filtered, version, asked);
  return placesOf(deps, rows.map(fusionCandidate));
}

/** Filters that leave nothing of a record: empty when some chunk passes all. */
function filtersOfAll(chunks: readonly ChunkRankRow[]): string[] {
  if (chunks.some(({ failed_filters: failed }) => failed.length === 0)) return [];
  return [...new Set(chunks.flatMap(({ failed_filters: failed }) => failed))];
}

/** Types of personal data in a question, and whether it has no other words. Values go no further. */
function wordsIn(words: string | null): Pick<RankFacts, 'queryTypes' | 'onlyRedacted'> {
  if (words === null) return { queryTypes: [], onlyRedacted: false };
  const { text, counts } = redact(words);
  const queryTypes = Object.keys(counts);
  return {
    queryTypes,
    onlyRedacted: queryTypes.length > 0 && !/[\p{L}\p{N}]/u.test(text.replace(/\[[A-Z_]+\]/g, ' ')),
  };
}

function least(ranks: readonly (number | null)[]): number | null {
  const numbers = ranks.filter((rank) => rank !== null);
  return numbers.length === 0 ? null : Math.min(...numbers);
}
