import pg from 'pg';
import { indexedVector, type PartitionSpec } from '../../src/db/index-segments.ts';
import type { IndexVersionRow } from '../../src/db/index-versions.ts';
import { nearestVectors } from '../../src/db/nearest.ts';
import { openDatabase } from '../../src/db/pools.ts';
import { retrieveCandidates, type RetrievalQuery } from '../../src/db/retrieval.ts';
import { RETRIEVAL_DIALS } from '../../src/domain/dials/retrieval.ts';
import { percentile } from '../scenario.ts';
import type { BenchQuestion } from './questions.ts';
import type { ChunkFilter, Reference } from './reference.ts';

/** One line of a table. */
export interface Line {
  readonly what: string;
  readonly k: number;
  readonly efSearch: number | null;
  /** Questions that were asked: all of them, or as many as there was time for. */
  readonly asked: number;
  readonly p50: number;
  readonly p99: number;
  readonly recall: number;
}

/** A way to search, asked of a connection. */
export interface Way {
  readonly what: string;
  /** The filter of the reference that it is compared with. */
  readonly filter: string;
  readonly k: number;
  readonly efSearch: number | null;
  /** `$1` is the tenant, `$2` the vector, `$3` k. */
  readonly text: string;
}

const EF_SEARCH = [40, 100, 200];
/** A way that takes longer is counted by the questions that it has answered. */
const LONGEST_MS = 10_000;
/** Asked before the clock runs: they plan the statement and warm what the way before did not touch. */
const WARM_UP = 10;

const daysAgo = (days: number) => new Date(Date.now() - days * 86_400_000);
/** A filter of the reference and the same as a question has it. */
interface AskedFilter extends ChunkFilter {
  readonly asked: Pick<RetrievalQuery, 'modalities' | 'from' | 'to'>;
}

const NO_FILTER = { modalities: null, from: null, to: null };
const between = (what: string, from: Date, to: Date): AskedFilter => ({
  what,
  asked: { ...NO_FILTER, from, to },
  passes: ({ eventTime }) => eventTime >= from && eventTime < to,
});

const UNFILTERED = 'none';
/** Filters by the share of chunks that pass. */
const ASKED_FILTERS: readonly AskedFilter[] = [
  {
    what: 'modality, 11 %',
    asked: { ...NO_FILTER, modalities: ['screenshot'] },
    passes: ({ modality }) => modality === 'screenshot',
  },
  between('time, 10 %', daysAgo(50), daysAgo(40)),
  between('time, 1 %', daysAgo(50), daysAgo(49)),
];
/** All that the reference is asked for. */
export const FILTERS: readonly ChunkFilter[] = [{ what: UNFILTERED, passes: () => true }, ...ASKED_FILTERS];

/** Searches over all customers without filters, by the tiers of the index. */
export function unscopedWays(version: IndexVersionRow): Way[] {
  return EF_SEARCH.flatMap((efSearch) =>
    [1, 10, 50].map((k) => ({
      ...{ what: 'filter: none', filter: UNFILTERED, k, efSearch },
      // The number of rows stands in the statement, as it does in that of an answer.
      text: `select chunk_id from ${nearestVectors(version, { vector: '$2', ofChunk: 'c.active', limit: String(k) })} as found
             where $3::integer is not null`,
    })),
  );
}

/** Searches by other kinds of indexes over all vectors. */
export function storageWays(version: PartitionSpec): Way[] {
  const table = `embedding_v${version.index_version}`;
  const half = indexedVector({ ...version, storage: 'halfvec' }, 'embedding');
  const bits = (value: string) => `binary_quantize(${value})::bit(${version.dimensions})`;
  const way = { filter: 'none', k: 10 };
  return [
    ...EF_SEARCH.map((efSearch) => ({
      ...{ ...way, what: 'halfvec', efSearch },
      text: `
        select chunk_id from ${table}
        where $1::text is not null
        order by ${half} <=> $2::vector::halfvec(${version.dimensions}) limit $3`,
    })),
    ...[100, 200, 400, 800].map((efSearch) => ({
      ...{ ...way, what: `bits, ${efSearch} re-ranked`, efSearch },
      text: `
        select chunk_id
        from (
          select chunk_id, embedding from ${table}
          where $1::text is not null
          order by ${bits('embedding')} <~> ${bits(`$2::vector(${version.dimensions})`)}
          limit ${efSearch}
        ) as near
        order by embedding <=> $2::vector
        limit $3`,
    })),
  ];
}

/** Asks by each way, prints what it has measured as soon as it has, and tells of all. */
export async function sweep(
  url: string,
  ways: readonly Way[],
  questions: readonly BenchQuestion[],
  reference: Reference,
): Promise<Line[]> {
  const lines: Line[] = [];
  for (const way of ways) {
    const settings = ['jit=off', 'hnsw.iterative_scan=strict_order', `hnsw.ef_search=${way.efSearch ?? 100}`];
    const options = ['role=earshot_reader', 'earshot.tenant=default', ...settings].map((each) => `-c ${each}`);
    const client = new pg.Client({ connectionString: url, options: options.join(' ') });
    await client.connect();
    const ask = async ({ vector }: BenchQuestion) => {
      const values = ['default', `[${vector.join(',')}]`, way.k];
      const { rows } = await client.query<{ chunk_id: string }>({ name: 'way', text: way.text, values });
      return rows.map(({ chunk_id: id }) => id);
    };
    lines.push(await measure(way, questions, reference, ask));
    await client.end();
  }
  return lines;
}

/** The statement of an answer, about the customer of each question, by vectors alone. */
export async function sweepCustomers(
  url: string,
  version: IndexVersionRow,
  groups: readonly (readonly [string, readonly BenchQuestion[], Reference])[],
): Promise<Line[]> {
  const database = openDatabase({ url });
  const reader = database.forTenant('default').questions.plain;
  const lines: Line[] = [];
  for (const [what, questions, reference] of groups) {
    const way = { what, filter: OWN.what, k: 10, efSearch: null };
    const ask = async ({ customerKey, vector }: BenchQuestion) => {
      const query = { tenant: 'default', customerKey, words: null, vector, modalities: null, from: null, to: null };
      const rows = await retrieveCandidates(reader, version, { ...query, minConfidence: 0, candidates: way.k });
      return rows.map(({ chunk_id: id }) => id);
    };
    lines.push(await measure(way, questions, reference, ask));
  }
  await database.close();
  return lines;
}

/** The statement of an answer over all customers with filters, by vectors alone, as far as its dials let it search. */
export async function sweepFilters(
  url: string,
  version: IndexVersionRow,
  questions: readonly BenchQuestion[],
  reference: Reference,
): Promise<Line[]> {
  const database = openDatabase({ url });
  const reader = database.forTenant('default').questions.filtered;
  const exactRows = RETRIEVAL_DIALS['retrieval.exact_rows'].defaultValue;
  const scanRows = RETRIEVAL_DIALS['retrieval.scan_rows'].defaultValue;
  const lines: Line[] = [];
  for (const { what, asked } of ASKED_FILTERS) {
    for (const efSearch of EF_SEARCH) {
      const way = { what: `filter: ${what}`, filter: what, k: 10, efSearch };
      const limits = { minConfidence: 0, candidates: way.k, exactRows, width: { efSearch, scanRows } };
      const ask = async ({ vector }: BenchQuestion) => {
        const query = { tenant: 'default', customerKey: null, words: null, vector, ...asked, ...limits };
        const rows = await retrieveCandidates(reader, version, query);
        return rows.map(({ chunk_id: id }) => id);
      };
      lines.push(await measure(way, questions, reference, ask));
    }
  }
  await database.close();
  return lines;
}

/** Chunks of the customer who is asked about. */
export const OWN: ChunkFilter = {
  what: 'own',
  passes: (chunk, question) => chunk.customerKey === question.customerKey,
};

async function measure(
  { what, filter, k, efSearch }: Omit<Way, 'text'>,
  questions: readonly BenchQuestion[],
  reference: Reference,
  ask: (question: BenchQuestion) => Promise<string[]>,
): Promise<Line> {
  const started = performance.now();
  const isLate = () => performance.now() - started > LONGEST_MS;
  for (const question of questions.slice(0, WARM_UP)) if (!isLate()) await ask(question);
  const tookMs: number[] = [];
  let hit = 0;
  let wanted = 0;
  for (const question of questions) {
    // At least one, however long it takes.
    if (tookMs.length > 0 && isLate()) break;
    const began = performance.now();
    const found = await ask(question);
    tookMs.push(performance.now() - began);
    const truth = reference.nearest(filter, question, k);
    hit += found.filter((id) => truth.includes(id)).length;
    wanted += truth.length;
  }
  const line = { what, k, efSearch, asked: tookMs.length, recall: wanted === 0 ? 1 : hit / wanted };
  const measured = { ...line, p50: percentile(tookMs, 0.5), p99: percentile(tookMs, 0.99) };
  console.log(`  ${JSON.stringify(measured)}`);
  return measured;
}
