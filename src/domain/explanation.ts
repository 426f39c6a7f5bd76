import type { InteractionState, Modality } from './interaction.ts';

/**
 * Why the copilot did not know, of one record. `shown`: it did. `reachable`: nothing hides it. `reachable_later`: it
 * became so after the question. `version_dropped`: the vectors that were searched then are gone, so nothing tells
 * whether they found it. The others name the stage that it has not passed, or what hides it.
 */
export const VERDICTS = [
  'shown',
  'reachable',
  'ranked',
  'filtered',
  'redacted',
  'reachable_later',
  'in_the_log',
  'behind',
  'processed_not_indexed',
  'indexed_not_reachable',
  'quarantined',
  'failed',
  'superseded',
  'version_dropped',
  'erased',
  'not_captured',
] as const;
export type Verdict = (typeof VERDICTS)[number];

/** What the database tells of one record as of the moment in question. */
export interface RecordFacts {
  readonly modality: Modality;
  /** Within what time it is to be reachable. */
  readonly budgetMs: number;
  readonly state: InteractionState;
  readonly acceptedAt: Date;
  readonly pickedUpAt: Date | null;
  readonly textReachableAt: Date | null;
  readonly reachableAt: Date | null;
  readonly piecesDone: number;
  readonly piecesTotal: number;
  /** Set when it lies behind the fence of an erasure. */
  readonly erasedBefore: Date | null;
  readonly quarantined: readonly { readonly artifactId: string; readonly check: string; readonly confidence: number }[];
  readonly failed: readonly { readonly kind: string; readonly code: string; readonly detail: string | null }[];
  /** How many values of each type were removed from its texts. */
  readonly redactions: Readonly<Record<string, number>>;
  /** All chunks ever cut of it; those in service; of these, those with a vector; of these, those the read path returns. */
  readonly cut: number;
  readonly served: number;
  readonly present: number;
  readonly reachable: number;
  /** The index version in question, where its vectors were dropped since; null where they are there. */
  readonly droppedVersion: number | null;
  /** When the last of its chunks went out of service. */
  readonly withdrawnAt: Date | null;
  /** Whether each way of searching returns it; null where that was not tried. */
  readonly reach: Reach | null;
}

/** Exact: by B-tree within the customer. Index: HNSW over all customers. Words: full text by GIN. */
export interface Reach {
  readonly exact: boolean;
  readonly index: boolean | null;
  readonly words: boolean | null;
}

/** What is asked about, and where the record stands in the answer. */
export interface RankFacts {
  readonly k: number;
  /** Whether vectors had no part in the answer. */
  readonly byWordsAlone: boolean;
  /** Whether the question looks over all customers. */
  readonly overAll: boolean;
  /** Its best place in the recorded answer. */
  readonly shownAt: number | null;
  /** Its best place in the ranking, 1 the best; null when it is not among the candidates. */
  readonly rank: number | null;
  readonly textRank: number | null;
  readonly vectorRank: number | null;
  /** Chunks that passed the filters. */
  readonly of: number | null;
  /** Filters that all of its chunks fail. */
  readonly failedFilters: readonly string[];
  /** Types of personal data in the question's own words. */
  readonly queryTypes: readonly string[];
  /** Whether nothing else is in them. */
  readonly onlyRedacted: boolean;
}

export interface Moment {
  readonly at: Date;
  readonly past: boolean;
}

export interface Explanation {
  readonly verdict: Verdict;
  /** Numbers, names of filters, codes and ids: never text of a customer. */
  readonly details: Readonly<Record<string, unknown>>;
}

/** Which stage or rule hid a record; the first that applies, in the order in which a record would have to pass them. */
export function explain(facts: RecordFacts, ranks: RankFacts | null, moment: Moment): Explanation {
  if (facts.erasedBefore !== null || facts.state === 'erased') {
    return { verdict: 'erased', details: { erasedBefore: facts.erasedBefore } };
  }
  const shown = ranks === null ? undefined : shownOrRedacted(facts, ranks);
  if (shown !== undefined) return shown;
  const unfinished = stageReached(facts, moment);
  if (unfinished !== undefined) return unfinished;
  const unserved = hiddenInIndex(facts, ranks?.overAll !== false);
  if (unserved !== undefined) return unserved;
  if (ranks !== null && ranks.failedFilters.length > 0) {
    return { verdict: 'filtered', details: { filters: ranks.failedFilters } };
  }
  const { reachableAt, droppedVersion: indexVersion } = facts;
  if (indexVersion !== null && ranks?.byWordsAlone !== true) {
    return { verdict: 'version_dropped', details: { indexVersion, reachableAt, textRank: ranks?.textRank ?? null } };
  }
  if (ranks === null) return { verdict: 'reachable', details: { reachableAt, ...lacks(facts) } };
  const { rank, of, k, textRank, vectorRank } = ranks;
  return { verdict: 'ranked', details: { rank, of, k, textRank, vectorRank, ...lacks(facts) } };
}

/** A question for a value that was removed from the record finds nothing of it, whatever else is near. */
function shownOrRedacted(facts: RecordFacts, ranks: RankFacts): Explanation | undefined {
  const types = ranks.queryTypes.filter((type) => (facts.redactions[type] ?? 0) > 0);
  const asksForRemoved =
    types.length > 0 && (ranks.onlyRedacted || (ranks.shownAt === null && ranks.textRank === null));
  const position = ranks.shownAt;
  if (asksForRemoved) return { verdict: 'redacted', details: { types, ...(position === null ? {} : { position }) } };
  if (position === null) return undefined;
  return { verdict: 'shown', details: { position, k: ranks.k, ...(types.length > 0 ? { redacted: types } : {}) } };
}

/** Where a record stands that had not become reachable by the moment, or never can. */
function stageReached(facts: RecordFacts, moment: Moment): Explanation | undefined {
  const { reachableAt } = facts;
  const by = (time: Date | null) => time !== null && time <= moment.at;
  if (by(reachableAt)) return undefined;
  if (moment.past && reachableAt !== null) {
    const stageThen = by(facts.acceptedAt) ? waiting(facts, moment).details['stage'] : 'not captured';
    const laterMs = reachableAt.getTime() - moment.at.getTime();
    return { verdict: 'reachable_later', details: { reachableAt, laterMs, acceptedAt: facts.acceptedAt, stageThen } };
  }
  if (facts.state === 'quarantined') return { verdict: 'quarantined', details: { ...facts.quarantined[0] } };
  if (facts.state === 'failed') return { verdict: 'failed', details: { ...facts.failed[0] } };
  if (facts.state === 'reachable') return undefined;
  return waiting(facts, moment);
}

/** In the log, behind its budget, or recognised and not indexed. */
function waiting(facts: RecordFacts, { at }: Moment): Explanation {
  const by = (time: Date | null) => time !== null && time <= at;
  const recognised = by(facts.textReachableAt);
  const stage = recognised ? 'indexing' : by(facts.pickedUpAt) ? 'recognising' : 'accepted';
  const waitedMs = Math.max(0, at.getTime() - facts.acceptedAt.getTime());
  const { budgetMs } = facts;
  const progress = { done: Math.min(facts.piecesDone, facts.piecesTotal), total: facts.piecesTotal };
  const details = { stage, progress, queue: queueOf(stage, facts.modality), waitedMs, budgetMs };
  if (waitedMs > budgetMs) return { verdict: 'behind', details };
  return { verdict: recognised ? 'processed_not_indexed' : 'in_the_log', details };
}

const RECOGNITION_QUEUE = { chat: 'embedding', audio: 'audio', screenshot: 'vision' } as const;

function queueOf(stage: 'accepted' | 'recognising' | 'indexing', modality: Modality): string {
  if (stage === 'indexing') return 'embedding';
  return stage === 'accepted' ? 'intake' : RECOGNITION_QUEUE[modality];
}

/** What is called reachable and is not: "present" and "reachable" are two things. */
function hiddenInIndex(facts: RecordFacts, overAll: boolean): Explanation | undefined {
  const { cut, served, present, reachable, reach, droppedVersion } = facts;
  if (served === 0) {
    if (facts.withdrawnAt !== null) return { verdict: 'superseded', details: { withdrawnAt: facts.withdrawnAt } };
    return { verdict: cut === 0 ? 'processed_not_indexed' : 'indexed_not_reachable', details: { chunks: cut, served } };
  }
  // Of vectors that were dropped nothing can be said.
  if (droppedVersion !== null) return undefined;
  if (present < served) return { verdict: 'processed_not_indexed', details: { chunks: served, vectors: present } };
  const lost = overAll && (reach?.index === false || reach?.words === false);
  if (reachable === served && !lost) return undefined;
  return {
    verdict: 'indexed_not_reachable',
    details: { chunks: served, vectors: present, returned: reachable, reach },
  };
}

/** Pieces that are missing from a record of which others are there. */
function lacks({ failed, quarantined }: RecordFacts): Record<string, unknown> {
  const missing = [
    ...failed.map(({ kind, code }) => ({ kind, why: code })),
    ...quarantined.map(({ check }) => ({ kind: 'piece', why: check })),
  ];
  return missing.length === 0 ? {} : { lacks: missing };
}
