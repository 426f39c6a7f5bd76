import { LRUCache } from 'lru-cache';
import type { Queryable } from '../db/pools.ts';
import { countCommonWords, type WordCounts } from '../db/words.ts';

/** How common a word is changes over weeks. */
const KEPT_MS = 10 * 60_000;
/** Against `textRows`: a word in fewer chunks chooses few enough. */
const LEAST_SHARE = 0.02;

interface Sampling {
  readonly reader: Queryable;
  readonly textRows: number;
}

/**
 * The words that many chunks of a tenant have, sampled and kept for minutes, as a list of stop words that the tenant's own
 * texts make. While it is sampled anew the last list serves.
 */
export class CommonWords {
  readonly #lists = new LRUCache<string, WordCounts, Sampling>({
    max: 100,
    ttl: KEPT_MS,
    allowStale: true,
    // A list that cannot be sampled leaves nothing out.
    allowStaleOnFetchRejection: true,
    noDeleteOnFetchRejection: true,
    fetchMethod: (tenant, _stale, { context: { reader, textRows } }) =>
      countCommonWords(reader, tenant, Math.ceil(textRows * LEAST_SHARE), textRows),
  });

  /**
   * Those that the words of a question may be forms of: by how they begin, which stemming leaves as it is.
   *
   * @param textRows rows that a question's words may choose.
   */
  async among(reader: Queryable, tenant: string, words: string, textRows: number): Promise<WordCounts> {
    const list = await this.#lists.fetch(tenant, { context: { reader, textRows } });
    if (list === undefined) return NONE;
    const asked = new Set(beginnings(words));
    const places = list.words.flatMap((word, place) =>
      beginnings(word).some((each) => asked.has(each)) ? [place] : [],
    );
    return { words: places.map((place) => list.words[place]!), chunks: places.map((place) => list.chunks[place]!) };
  }
}

const NONE: WordCounts = { words: [], chunks: [] };

/** The first letters of each word in a text. */
function beginnings(text: string): string[] {
  return (text.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? []).map((word) => word.slice(0, 2));
}
