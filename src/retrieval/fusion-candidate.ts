import type { CandidateRow } from '../db/retrieval.ts';
import type { Ranks } from '../domain/rank-fusion.ts';

/** What is fused: where a candidate stands in each ranking. */
export interface FusionCandidate {
  readonly id: string;
  readonly eventTime: Date;
  readonly ranks: Ranks;
}

export function fusionCandidate(row: CandidateRow): FusionCandidate {
  return {
    id: row.chunk_id,
    eventTime: row.event_time,
    ranks: { text: row.text_rank, vector: row.vector_rank, recency: row.recency_rank },
  };
}
