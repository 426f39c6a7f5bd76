import { run, type Queryable } from './pools.ts';

/**
 * Any word may match, so that a question finds what shares only some of its words: the parser's "and" is turned into
 * "or". A query of stop words alone becomes null and matches nothing.
 */
export const ANY_WORD = `(select nullif(replace(plainto_tsquery('english', $3)::text, '&', '|'), '')::tsquery)`;

/** Words, as full text has them, and about how many chunks have each. */
export interface WordCounts {
  readonly words: readonly string[];
  readonly chunks: readonly number[];
}

/** The parameters of `WordCounts` in a statement. */
export type WordCountParameters = Readonly<Record<keyof WordCounts, string>>;

/**
 * Which words of a question choose the rows that are ranked, by all of its words: the rarest, as long as together they
 * choose no more rows than `textRows` (what Lucene calls a common terms query). A word that is in every other chunk would
 * choose them all and tell them apart by little. Where even the rarest is too common, it is the newest rows that are
 * ranked. Nothing is left out that is not `known` to be common.
 *
 * A CTE `wanted` of one row: `query`, `selective`, `too_common`.
 */
export const askedWords = (textRows: number | string, known: WordCountParameters): string => `
    asked as materialized (
      select word, sum(coalesce(known.chunks, 0)) over (order by coalesce(known.chunks, 0), word) as chunks
      from unnest(tsvector_to_array(to_tsvector('english', $3))) as word
      left join unnest(${known.words}::text[], ${known.chunks}::integer[]) as known (word, chunks) using (word)
    ), wanted as materialized (
      select query, selective, query is not null and selective is null as too_common
      from (
        select ${ANY_WORD} as query, (
          select string_agg('''' || replace(replace(word, '\\', '\\\\'), '''', '''''') || '''', ' | ')::tsquery
          from asked
          where chunks <= ${textRows}) as selective
      ) as words
    )`;

/**
 * Of one customer words may be in so many times as many chunks of all: the customer's are a part of them, and only these are
 * ranked. Reading where a word is takes some 50 ns a chunk, ranking 2 µs and more.
 */
export const OF_ONE_CUSTOMER = 20;

/**
 * Whether a customer has more chunks than all of whose words are looked at, counted no further than that. `$1` is the tenant,
 * `$2` the customer.
 *
 * A CTE `customer` of one row: `is_large`.
 */
export const customerSize = (textRows: number | string): string => `
    customer as materialized (
      select exists (
        select from chunk where tenant = $1 and customer_key = $2 order by event_time offset ${textRows} limit 1
      ) as is_large
    )`;

/** Pages of `chunk`, of 8 kB, that are looked at. */
const SAMPLED_PAGES = 500;

/**
 * The words that at least `atLeast` chunks have, by a sample of the table's pages; none where no more than `enough` chunks
 * are. A word's number is from the sample, so that a word of few chunks may be missing.
 */
export async function countCommonWords(
  reader: Queryable,
  tenant: string,
  atLeast: number,
  enough: number,
): Promise<WordCounts> {
  const statement = {
    name: 'common_words',
    text: `
      with sample as materialized (
        select least(100, 100.0 * ${SAMPLED_PAGES} / greatest(1, pg_relation_size('chunk') / 8192)) as percent
      ), size as materialized (
        select count(*) * 100 / (select percent from sample) as chunks
        from chunk tablesample system ((select percent from sample)) repeatable (1)
        where tenant = $1
      ), counted as (
        select word, (ndoc * 100 / percent)::integer as chunks
        from sample
        cross join lateral ts_stat(format(
          'select words from chunk tablesample system (%s) repeatable (1) where tenant = %L', percent, $1::text))
        where (select chunks from size) > $3::integer
      )
      select coalesce(array_agg(word), '{}') as words, coalesce(array_agg(chunks), '{}') as chunks
      from counted
      where chunks >= $2::integer`,
  };
  const rows = await run<WordCounts>(reader, statement, [tenant, atLeast, enough]);
  return rows[0] ?? { words: [], chunks: [] };
}
