import { LRUCache } from 'lru-cache';
import type { Queryable } from '../db/pools.ts';
import { countCommonWords, type WordCounts } from '../db/words.ts';

/** How common a word is changes over weeks. */
const KEPT_MS = 10 * 60_000;
/** Of `textRows`: a word in fewer chunks chooses few enough. A sample of 5,000 of 200,000 has it ten times. */
const LEAST_SHARE = 0.1;
/** Stemming leaves how a word begins as it is, but for its last letters. */
const INITIALS = 2;
const ENDING = 2;

interface Sampling {
  readonly reader: Queryable;
  readonly textRows: number;
}

interface CommonWord {
  readonly stem: string;
  readonly chunks: number;
}

/** By what stemming leaves of a word for sure. */
type CommonWordList = ReadonlyMap<string, readonly CommonWord[]>;

/**
 * The words that many chunks of a tenant have, sampled and kept for minutes, as a list of stop words that the tenant's own
 * texts make. While it is sampled anew the last list serves.
 */
export class CommonWords {
  readonly #lists = new LRUCache<string, CommonWordList, Sampling>({
    max: 100,
    ttl: KEPT_MS,
    allowStale: true,
    // A list that cannot be sampled leaves nothing out.
    allowStaleOnFetchRejection: true,
    noDeleteOnFetchRejection: true,
    fetchMethod: async (tenant, _stale, { context: { reader, textRows } }) =>
      listOf(await countCommonWords(reader, tenant, Math.ceil(textRows * LEAST_SHARE), textRows)),
  });

  /**
   * Those that the words of a question may be forms of.
   *
   * @param textRows rows that a question's words may choose.
   */
  async among(reader: Queryable, tenant: string, question: string, textRows: number): Promise<WordCounts> {
    const list = await this.#lists.fetch(tenant, { context: { reader, textRows } }).catch(() => undefined);
    const found = new Map<string, number>();
    for (const word of wordsOf(question)) {
      for (let length = Math.min(INITIALS, word.length); length <= word.length; length++) {
        for (const { stem, chunks } of list?.get(word.slice(0, length)) ?? []) found.set(stem, chunks);
      }
    }
    return { words: [...found.keys()], chunks: [...found.values()] };
  }
}

function listOf({ words, chunks }: WordCounts): CommonWordList {
  const common = words.map((stem, place): CommonWord => ({ stem, chunks: chunks[place]! }));
  return Map.groupBy(common, ({ stem }) => stem.slice(0, Math.max(INITIALS, stem.length - ENDING)));
}

function wordsOf(text: string): string[] {
  return text.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? [];
}
