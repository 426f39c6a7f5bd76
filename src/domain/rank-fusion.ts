/** A candidate's place in each ranking, 1 the best; candidates that tie share a rank. */
export interface Ranks {
  readonly text: number | null;
  readonly vector: number | null;
  readonly recency: number;
}

export interface FusionOptions {
  /** The constant of reciprocal rank fusion: how much the first places stand out. */
  readonly rankConstant: number;
  /** Weight of recency against 1 for text and 1 for vector: enough to order near-ties, too little to lift a poor match. */
  readonly recencyWeight: number;
}

/**
 * `rankConstant` 60 is from Cormack, Clarke, Büttcher: "Reciprocal Rank Fusion outperforms Condorcet and individual
 * Rank Learning Methods", SIGIR 2009.
 */
export const DEFAULT_FUSION: FusionOptions = { rankConstant: 60, recencyWeight: 0.1 };

/** Sum over rankings of weight / (rankConstant + rank). Higher is better. */
export function fusedScore(ranks: Ranks, options: FusionOptions = DEFAULT_FUSION): number {
  const part = (rank: number | null, weight: number) => (rank === null ? 0 : weight / (options.rankConstant + rank));
  return part(ranks.text, 1) + part(ranks.vector, 1) + part(ranks.recency, options.recencyWeight);
}

/** Orders by fused score, best first; equal scores by time, newest first, then by id so that the order is total. */
export function fuse<T extends { readonly id: string; readonly eventTime: Date; readonly ranks: Ranks }>(
  candidates: readonly T[],
  options: FusionOptions = DEFAULT_FUSION,
): (T & { readonly score: number })[] {
  return candidates
    .map((candidate) => ({ ...candidate, score: fusedScore(candidate.ranks, options) }))
    .sort(
      (a, b) =>
        b.score - a.score || b.eventTime.getTime() - a.eventTime.getTime() || (a.id < b.id ? -1 : a.id > b.id ? 1 : 0),
    );
}
