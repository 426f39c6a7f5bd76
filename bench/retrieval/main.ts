import Table from 'cli-table3';
import pg from 'pg';
import { keyedIds } from '../../src/domain/ids.ts';
import { buildSegment, lockSegments, publishSegment, takeTime } from '../../src/db/index-segments.ts';
import { listIndexVersions, type IndexVersionRow } from '../../src/db/index-versions.ts';
import { openDatabase } from '../../src/db/pools.ts';
import type { BenchClient } from '../client.ts';
import { askByHttp, writeMeanwhile, type Answers } from './answers.ts';
import { loadData } from './load.ts';
import { sealAllPayloads } from './payloads.ts';
import { drawQuestions, type BenchQuestion } from './questions.ts';
import { Reference } from './reference.ts';
import { measureSink } from './sink.ts';
import { FILTERS, OWN, storageWays, sweep, sweepCustomers, sweepFilters, unscopedWays, type Line } from './sweeps.ts';

/** May be made smaller to try the bench itself. */
const CHUNKS = Number(process.env['BENCH_CHUNKS'] ?? 200_000);
const CUSTOMERS = CHUNKS / 40;
const QUESTIONS = 100;
/** Where the segments end, as shares of all, as sealing leaves them after a while; the rest is fresh. */
const SEGMENTS = [0.8, 0.95, 0.98];

/** Loads a memory of a year, and asks it: `npm run bench -- retrieval`. */
export async function benchRetrieval(client: BenchClient, env: Readonly<Record<string, string>>): Promise<void> {
  const owner = new pg.Client({ connectionString: env['DATABASE_URL']! });
  await owner.connect();
  // Records that were loaded have no raw message to be made anew from, and nobody is to search for them meanwhile.
  for (const dial of ['canary.interval_ms', 'reconcile.interval_ms'])
    await client.put(`/v1/dials/${dial}`, { value: 0 });
  try {
    await loadAndAsk(client, env, owner);
  } finally {
    await owner.end();
  }
}

async function loadAndAsk(client: BenchClient, env: Readonly<Record<string, string>>, owner: pg.Client): Promise<void> {
  const url = env['DATABASE_URL']!;
  const ids = keyedIds(Buffer.from(env['EARSHOT_CUSTOMER_SECRET']!, 'hex'));
  const customers = new Map(
    Array.from({ length: CUSTOMERS }, (_, n) => [ids.customerKey('default', `bench-${n}`), `bench-${n}`]),
  );
  await timed('loaded', () => loadData(owner, { chunks: CHUNKS, customers: [...customers.keys()] }));
  await timed('sealed the payloads', () =>
    sealAllPayloads(owner, Buffer.from(env['EARSHOT_MASTER_KEY']!, 'hex'), customers),
  );
  const version = await sealSegments(owner, url);
  const questions = await drawQuestions(owner, QUESTIONS);
  const sizes = await sizesOf(owner);
  printAnswers(await timed('asked by HTTP', () => askAll(client, owner, { customers, sizes, questions })));
  const reference = await timed('computed what is nearest', () =>
    Reference.compute(owner, version.dimensions, questions, [...FILTERS, OWN]),
  );
  const scoped = BY_SIZE.map(
    ([what, least, most]) => [what, bySize({ sizes, questions }, least, most), reference] as const,
  );
  const ofCustomers = await timed('asked of customers', () => sweepCustomers(url, version, scoped));
  printLines('Within a customer, vectors alone, with what is shown', ofCustomers);
  const unscoped = await timed('asked over all', () => sweep(url, unscopedWays(version), questions, reference));
  printLines('Over all customers, vectors alone, by SQL', unscoped);
  const filtered = await timed('asked with filters', () => sweepFilters(url, version, questions, reference));
  printLines('Over all customers with filters, vectors alone, with what is shown', filtered);
  await compareStorages({ owner, url, version, questions, reference });
  const rates = await timed('wrote with a live index and without', () => measureSink(owner));
  console.log(
    `Rows per second into a partition: ${Math.round(rates.live)} with a live HNSW index, ${Math.round(rates.tiered)} without: ` +
      `${(rates.tiered / rates.live).toFixed(0)} to 1.`,
  );
}

async function sealSegments(owner: pg.Client, url: string): Promise<IndexVersionRow> {
  const database = openDatabase({ url });
  const live = async () => (await listIndexVersions(database.deployment)).find(({ state }) => state === 'live')!;
  const version = await live();
  // Nobody else seals meanwhile, or takes what is being built for a stray.
  if (!(await lockSegments(owner, version))) throw new Error('another one builds the index');
  await takeTime(owner, { memoryMb: 1_024, workers: 1 });
  let from = 0;
  for (const share of SEGMENTS) {
    const segment = { from, until: Math.round(CHUNKS * share) };
    await timed(`built segment ${segment.from} to ${segment.until}`, () => buildSegment(owner, version, segment));
    await publishSegment(owner, version, segment);
    from = segment.until;
  }
  await owner.query('vacuum analyze');
  const sealed = await live();
  await database.close();
  return sealed;
}

interface Asked {
  readonly customers: ReadonlyMap<string, string>;
  /** Chunks by customer. */
  readonly sizes: ReadonlyMap<string, number>;
  readonly questions: readonly BenchQuestion[];
}

/** Customers by their number of chunks: more than the one and at most the other. */
const BY_SIZE: readonly (readonly [string, number, number])[] = [
  ['customer of up to 100 chunks', 0, 100],
  ['customer of 101 to 1,000 chunks', 100, 1_000],
  ['customer of more chunks', 1_000, Infinity],
  ['customers as they come', 0, Infinity],
];

function bySize({ sizes, questions }: Pick<Asked, 'sizes' | 'questions'>, least: number, most: number) {
  return questions.filter(({ customerKey }) => sizes.get(customerKey)! > least && sizes.get(customerKey)! <= most);
}

async function askAll(client: BenchClient, owner: pg.Client, asked: Asked): Promise<Answers[]> {
  const { customers, questions } = asked;
  const ofCustomer = ({ customerKey }: BenchQuestion) => ({ customerId: customers.get(customerKey)! });
  const day = { from: new Date(Date.now() - 50 * 86_400_000), to: new Date(Date.now() - 49 * 86_400_000) };
  const answers = [
    await askByHttp(client, 'over all, hybrid', questions, () => ({})),
    await askByHttp(client, 'over all, hybrid, a day of 100', questions, () => day),
    await askByHttp(client, 'over all, hybrid, screenshots', questions, () => ({ modalities: ['screenshot'] })),
    await askByHttp(client, 'over all, words', questions, () => ({ mode: 'text' })),
  ];
  for (const [what, least, most] of BY_SIZE) {
    answers.push(await askByHttp(client, what, bySize(asked, least, most), ofCustomer));
  }
  const written = await writeMeanwhile(owner, async () => {
    answers.push(await askByHttp(client, 'over all, hybrid, beside 50 rows/s', questions, () => ({})));
    answers.push(await askByHttp(client, 'customers as they come, beside 50 rows/s', questions, ofCustomer));
  });
  console.log(`Written beside: ${written} rows.`);
  return answers;
}

async function sizesOf(owner: pg.Client): Promise<Map<string, number>> {
  const { rows } = await owner.query<{ key: string; count: number }>(
    'select customer_key as key, count(*)::integer as count from chunk group by 1',
  );
  return new Map(rows.map(({ key, count }) => [key, count]));
}

interface Compared {
  readonly owner: pg.Client;
  readonly url: string;
  readonly version: IndexVersionRow;
  readonly questions: readonly BenchQuestion[];
  readonly reference: Reference;
}

/** Indexes of other kinds over all vectors: how large, how long to build, how fast and how exact. */
async function compareStorages({ owner, url, version, questions, reference }: Compared): Promise<void> {
  const kinds = [
    ['vector', '(embedding::vector(384)) vector_cosine_ops'],
    ['halfvec', '(embedding::halfvec(384)) halfvec_cosine_ops'],
    ['bits', '(binary_quantize(embedding)::bit(384)) bit_hamming_ops'],
  ] as const;
  for (const [kind, expression] of kinds) {
    await timed(`built ${kind} over all`, () =>
      owner.query(`create index bench_${kind} on embedding_v1 using hnsw (${expression})`),
    );
    const { rows } = await owner.query<{ size: string }>('select pg_size_pretty(pg_relation_size($1)) as size', [
      `bench_${kind}`,
    ]);
    console.log(`  ${kind}: ${rows[0]!.size}`);
    const whole = unscopedWays({ ...version, segments: [{ from: 0, until: 2 * CHUNKS }] });
    const ways =
      kind === 'vector'
        ? whole.filter(({ k }) => k === 10)
        : storageWays(version).filter(({ what }) => what.startsWith(kind));
    printLines(`${kind}, one index over all`, await sweep(url, ways, questions, reference));
    await owner.query(`drop index bench_${kind}`);
  }
}

async function timed<T>(what: string, work: () => Promise<T>): Promise<T> {
  const started = performance.now();
  const result = await work();
  console.log(`${what} in ${((performance.now() - started) / 1_000).toFixed(1)} s`);
  return result;
}

const ms = (value: number) => value.toFixed(1);

function printAnswers(answers: readonly Answers[]): void {
  const table = new Table({
    head: ['by HTTP', 'p50 ms', 'p99 ms', 'Postgres round trips'],
    style: { head: [], border: [] },
  });
  for (const { what, p50, p99, roundTrips } of answers) table.push([what, ms(p50), ms(p99), roundTrips.toFixed(2)]);
  console.log(table.toString());
}

function printLines(title: string, lines: readonly Line[]): void {
  const table = new Table({
    head: [title, 'k', 'ef_search', 'asked', 'p50 ms', 'p99 ms', 'recall'],
    style: { head: [], border: [] },
  });
  for (const { what, k, efSearch, asked, p50, p99, recall } of lines)
    table.push([what, k, efSearch ?? '', asked, ms(p50), ms(p99), recall.toFixed(3)]);
  console.log(table.toString());
}
