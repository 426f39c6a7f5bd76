import type { FusionOptions } from '../domain/rank-fusion.ts';
import type { RetrievalQuery } from '../db/retrieval.ts';
import type { DialReader } from '../dial-reader.ts';

/** How far a question looks: an explanation has to look as far as the answer did. */
export type SearchLimits = Required<Pick<RetrievalQuery, 'textRows' | 'exactRows' | 'width'>>;

/** By the dials of now. */
export function searchLimits(dials: Pick<DialReader, 'get'>): SearchLimits {
  return {
    textRows: dials.get('retrieval.text_rows'),
    exactRows: dials.get('retrieval.exact_rows'),
    width: { efSearch: dials.get('retrieval.ef_search'), scanRows: dials.get('retrieval.scan_rows') },
  };
}

/** How rankings are joined, by the dials. */
export function fusionOptions(dials: Pick<DialReader, 'get'>): FusionOptions {
  return {
    rankConstant: dials.get('retrieval.rank_constant'),
    recencyWeight: dials.get('retrieval.recency_weight'),
  };
}
