import type { RetrievalQuery } from '../db/retrieval.ts';
import type { DialReader } from '../dial-reader.ts';

/** How far a question looks, by the dials of now: an explanation has to look as far as the answer did. */
export function searchLimits(
  dials: Pick<DialReader, 'get'>,
): Required<Pick<RetrievalQuery, 'textRows' | 'exactRows' | 'width'>> {
  return {
    textRows: dials.get('retrieval.text_rows'),
    exactRows: dials.get('retrieval.exact_rows'),
    width: { efSearch: dials.get('retrieval.ef_search'), scanRows: dials.get('retrieval.scan_rows') },
  };
}
