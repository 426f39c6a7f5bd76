import pg from 'pg';
import { indexedVector, type PartitionSpec } from '../../src/db/index-segments.ts';
import type { IndexVersionRow } from '../../src/db/index-versions.ts';
import { nearestVectors } from '../../src/db/nearest.ts';
import { percentile } from '../scenario.ts';
import type { BenchQuestion } from './questions.ts';

/** One line of a table. */
export interface Line {
  readonly what: string;
  readonly k: number;
  readonly efSearch: number | null;
  readonly p50: number;
  readonly p99: number;
  readonly recall: number;
}

interface Way {
  readonly what: string;
  readonly k: number;
  readonly efSearch: number | null;
  /** `$1` is the tenant, `$2` the vector, `$3` k, `$4` the customer. */
  readonly text: string;
  /** The same without any index of vectors. */
  readonly exact: string;
}

/** Filters on a chunk `c` and the share of chunks that pass. */
const FILTERS: readonly (readonly [string, string])[] = [
  ['none', 'c.active'],
  ['modality, 6 %', `c.active and c.modality = 'screenshot'`],
  ['time, 10 %', `c.active and c.event_time between now() - interval '50 days' and now() - interval '40 days'`],
  ['time, 1 %', `c.active and c.event_time between now() - interval '50 days' and now() - interval '49 days'`],
];

/** Searches over all customers, by the tiers of the index. */
export function unscopedWays(version: IndexVersionRow): Way[] {
  return FILTERS.flatMap(([what, ofChunk]) =>
    [40, 100, 200].flatMap((efSearch) =>
      (what === 'none' ? [1, 10, 50] : [10]).map((k) => ({
        ...{ what: `filter: ${what}`, k, efSearch },
        text: `select chunk_id from ${nearestVectors(version, { vector: '$2::text', ofChunk: `${ofChunk} and $4::text is not null`, limit: '$3' })} as found`,
        exact: exactText(version, ofChunk),
      })),
    ),
  );
}

/** Searches by other kinds of indexes over all vectors. */
export function storageWays(version: PartitionSpec): Way[] {
  const table = `embedding_v${version.index_version}`;
  const half = indexedVector({ ...version, storage: 'halfvec' }, 'embedding');
  const bits = (value: string) => `binary_quantize(${value})::bit(${version.dimensions})`;
  const exact = exactText(version, 'c.active');
  const asked = `$1::text is not null and $4::text is not null`;
  return [40, 100, 200].flatMap((efSearch) => [
    {
      ...{ what: 'halfvec', k: 10, efSearch, exact },
      text: `select chunk_id from ${table} where ${asked} order by ${half} <=> $2::text::vector::halfvec(${version.dimensions}) limit $3`,
    },
    {
      ...{ what: `bits, ${efSearch} re-ranked`, k: 10, efSearch, exact },
      text: `
        select chunk_id
        from (
          select chunk_id, embedding from ${table}
          where ${asked}
          order by ${bits('embedding')} <~> ${bits(`$2::text::vector(${version.dimensions})`)}
          limit ${efSearch}
        ) as near
        order by embedding <=> $2::text::vector
        limit $3`,
    },
  ]);
}

function exactText({ index_version: version }: PartitionSpec, ofChunk: string): string {
  return `
    select e.chunk_id
    from (
      select e.chunk_id, e.embedding <=> $2::text::vector as distance
      from embedding_v${version} e
      where e.tenant = $1
      order by distance
      offset 0
    ) as e
    join chunk c on c.tenant = $1 and c.chunk_id = e.chunk_id and ${ofChunk} and $4::text is not null
    order by e.distance
    limit $3`;
}

/** Asks each question by each way, twice, and counts the second: what a warm machine answers. */
export async function sweep(url: string, ways: readonly Way[], questions: readonly BenchQuestion[]): Promise<Line[]> {
  const lines: Line[] = [];
  const truths = new Map<string, string[][]>();
  for (const way of ways) {
    const settings = ['jit=off', 'hnsw.iterative_scan=strict_order', `hnsw.ef_search=${way.efSearch ?? 100}`];
    const options = ['role=earshot_reader', 'earshot.tenant=default', ...settings]
      .map((each) => `-c ${each}`)
      .join(' ');
    const client = new pg.Client({ connectionString: url, options });
    await client.connect();
    const ask = async (name: string, text: string, { vector, customerKey }: BenchQuestion) => {
      const values = ['default', `[${vector.join(',')}]`, way.k, customerKey];
      const { rows } = await client.query<{ chunk_id: string }>({ name, text, values });
      return rows.map(({ chunk_id: id }) => id);
    };
    const truth = truths.get(way.exact + way.k) ?? (await inTurn(questions, (each) => ask('exact', way.exact, each)));
    truths.set(way.exact + way.k, truth);
    await inTurn(questions, (each) => ask('way', way.text, each));
    const tookMs: number[] = [];
    let hit = 0;
    for (const [place, question] of questions.entries()) {
      const started = performance.now();
      const found = await ask('way', way.text, question);
      tookMs.push(performance.now() - started);
      hit += found.filter((id) => truth[place]!.includes(id)).length;
    }
    const wanted = truth.reduce((sum, each) => sum + each.length, 0);
    const { what, k, efSearch } = way;
    lines.push({
      what,
      k,
      efSearch,
      p50: percentile(tookMs, 0.5),
      p99: percentile(tookMs, 0.99),
      recall: hit / wanted,
    });
    await client.end();
  }
  return lines;
}

async function inTurn<T, R>(items: readonly T[], work: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  for (const item of items) results.push(await work(item));
  return results;
}
