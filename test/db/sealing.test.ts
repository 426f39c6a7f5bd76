import pg from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { findIndexFaults } from '../../src/db/index-health.ts';
import { ensureIndex, rebuildIndex, sealFresh } from '../../src/db/index-partitions.ts';
import { buildSegment, dropStrayIndexes, publishSegment, segmentIndex } from '../../src/db/index-segments.ts';
import { listIndexVersions, type IndexVersionRow } from '../../src/db/index-versions.ts';
import { openDatabase, type Database } from '../../src/db/pools.ts';
import { retrieveAll, retrieveCandidates } from '../../src/db/retrieval.ts';
import { nearest } from '../../src/db/version-evidence.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { fakeVector } from '../support/fake-models.ts';
import { fillWithRecords } from '../support/many-records.ts';
import { segmentsOf } from '../support/segments.ts';
import { until } from '../support/until.ts';

const LIMITS = { memoryMb: 16, workers: 0 };
const RULES = { afterRows: 10, maxSegments: 8 };

let owner: TestDatabase;
let database: Database;
let client: pg.Client;
let spec: IndexVersionRow;

beforeAll(async () => {
  owner = await createDatabase();
  // Few rows are read faster without an index: this makes them be searched as many are.
  for (const way of ['enable_seqscan', 'enable_sort']) {
    await owner.query(`do $$ begin execute format('alter database %I set ${way} = off', current_database()); end $$`);
  }
  await fillWithRecords(owner, 1);
  database = openDatabase({ url: owner.url, poolSize: 1 });
  client = await connect();
});
afterAll(async () => {
  await client?.end();
  await database?.close();
  await owner?.drop();
});

async function connect(): Promise<pg.Client> {
  const connection = new pg.Client({ connectionString: owner.url });
  connection.on('error', () => undefined);
  await connection.connect();
  return connection;
}

/** The live version as one reads it now. */
async function version(): Promise<IndexVersionRow> {
  return (await listIndexVersions(database.deployment)).find(({ state }) => state === 'live')!;
}

const question = {
  ...{ tenant: 'default', customerKey: null, words: null, modalities: null, from: null, to: null },
  ...{ minConfidence: 0, candidates: 1_000 },
};

/**
 * All chunks that a question over all customers finds by vectors, in the order of their ids. What a double would take the
 * place of shows in the tiers themselves.
 */
async function found(row: IndexVersionRow): Promise<string[]> {
  const { reader } = database.forTenant('default');
  const vector = fakeVector('anything');
  const rows = await retrieveCandidates(reader, row, { ...question, vector });
  const inTiers = await nearest(reader, 'default', row, `[${vector.join(',')}]`, 1_000);
  const ids = rows.map(({ chunk_id }) => chunk_id).sort();
  expect(inTiers.map(({ chunk_id }) => chunk_id).sort()).toEqual(ids);
  return ids;
}

async function stored(): Promise<string[]> {
  const rows = await owner.query<{ chunk_id: string }>('select chunk_id from embedding_v1 order by chunk_id');
  return rows.map(({ chunk_id }) => chunk_id);
}

const seal = (connection = client) => sealFresh(connection, spec, ['default'], RULES, LIMITS);

/** Gives the oldest vectors new numbers, as if they had just come. */
const comeAnew = (count: number) =>
  owner.query(
    `update embedding_v1 set sequence = nextval('embedding_sequence')
     where chunk_id in (select chunk_id from embedding_v1 order by sequence limit $1)`,
    [count],
  );

/** What the names of the HNSW indexes end with, and those of which are invalid. */
async function indexes(): Promise<string[]> {
  const rows = await owner.query<{ name: string; valid: boolean }>(
    `select indexrelid::regclass::text as name, indisvalid as valid from pg_index
     where indrelid = 'embedding_v1'::regclass and indexrelid::regclass::text like '%hnsw%' order by 1`,
  );
  return rows.map(({ name, valid }) => `${name.replace('embedding_v1_hnsw', '')}${valid ? '' : ' invalid'}`);
}

beforeEach(async () => {
  await owner.query('delete from index_segment');
  spec = await version();
  await dropStrayIndexes(client, spec);
});

describe('at each point of sealing a question finds every vector once', () => {
  it('from nothing sealed to one segment, also with a list of segments that is old or ahead', async () => {
    const all = await stored();
    const before = await version();
    expect(before.segments).toEqual([]);
    expect(await found(before)).toEqual(all);
    const segment = { from: 0, until: 200 };
    await buildSegment(client, before, segment);
    // Built and not published: the step was killed here.
    expect(await found(await version())).toEqual(all);
    await publishSegment(client, before, segment);
    const after = await version();
    expect(after.segments).toEqual([segment]);
    for (const row of [before, after, { ...after, segments: [segment, { from: 200, until: 250 }] }]) {
      expect(await found(row)).toEqual(all);
    }
  });

  it('when smaller segments become a larger one, before and after their indexes are dropped', async () => {
    const all = await stored();
    const small = [
      { from: 0, until: 100 },
      { from: 100, until: 150 },
    ];
    for (const segment of small) {
      await buildSegment(client, spec, segment);
      await publishSegment(client, spec, segment);
    }
    const before = await version();
    expect(before.segments).toEqual(small);
    expect(await found(before)).toEqual(all);
    await buildSegment(client, spec, { from: 0, until: 250 });
    await publishSegment(client, spec, { from: 0, until: 250 });
    const after = await version();
    for (const row of [before, after]) expect(await found(row)).toEqual(all);
    await dropStrayIndexes(client, spec);
    expect(await indexes()).toEqual(['_0_250']);
    for (const row of [before, after]) expect(await found(row)).toEqual(all);
  });

  it('after a build that was killed in the middle, which the next one clears away', async () => {
    const all = await stored();
    // Holds up the build, which waits for all who write to the table.
    const other = await connect();
    await other.query('begin; update embedding_v1 set model_version = model_version');
    const builder = await connect();
    const [{ pid }] = (await builder.query<{ pid: number }>('select pg_backend_pid() as pid')).rows as [
      { pid: number },
    ];
    const building = seal(builder).catch((error: unknown) => error);
    await until('the build has begun', async () => (await indexes()).length === 1);
    // One builds at a time.
    expect(await seal()).toBeNull();
    await owner.query('select pg_terminate_backend($1)', [pid]);
    expect(await building).toBeInstanceOf(Error);
    await other.query('rollback');
    await other.end();
    expect(await indexes()).toEqual([expect.stringContaining('invalid')]);
    expect(await found(await version())).toEqual(all);
    expect(await findIndexFaults(client, await version())).toEqual([]);
    await until('the lock is let go of', async () => (await seal()) !== null);
    const { segments } = await version();
    expect(segments).toHaveLength(1);
    expect(await indexes()).toEqual([`_${segments[0]!.from}_${segments[0]!.until}`]);
    expect(await found(await version())).toEqual(all);
  });

  it('when vectors come, go and are numbered late while an index is built', async () => {
    const other = await connect();
    // A number that is taken before the build and committed after it has begun.
    await other.query(`begin; update embedding_v1 set sequence = nextval('embedding_sequence')
      where chunk_id = (select min(chunk_id::text)::uuid from embedding_v1)`);
    const building = seal();
    await until('the build has begun', async () => (await indexes()).length === 1);
    await owner.query(`update embedding_v1 set sequence = nextval('embedding_sequence')
      where chunk_id = (select max(chunk_id::text)::uuid from embedding_v1)`);
    // As an erasure does.
    const gone = await owner.query<{ chunk_id: string }>(
      `delete from chunk where chunk_id in (select chunk_id from chunk order by chunk_id offset 100 limit 5)
       returning chunk_id`,
    );
    await other.query('commit');
    await other.end();
    expect(await building).not.toBeNull();
    await client.query('vacuum embedding_v1');
    const all = await stored();
    expect(all).not.toContain(gone[0]!.chunk_id);
    expect(await found(await version())).toEqual(all);
  });
});

describe('segments', () => {
  it('are built once there is enough, grow with what comes, and are made one by a rebuild', async () => {
    await ensureIndex(client, spec, LIMITS);
    await ensureIndex(client, spec, LIMITS);
    expect(await indexes()).toHaveLength(1);
    expect(await seal()).toBeNull();
    await comeAnew(12);
    expect(await seal()).not.toBeNull();
    await comeAnew(15);
    const all = await stored();
    expect(await found(await version())).toEqual(all);
    // It takes in the twelve, and leaves the hundreds.
    expect(await seal()).not.toBeNull();
    expect(await segmentsOf(owner)).toHaveLength(2);
    expect(await found(await version())).toEqual(all);
    await rebuildIndex(client, spec, LIMITS);
    await rebuildIndex(client, spec, LIMITS);
    const segments = await segmentsOf(owner);
    expect(segments).toMatchObject([{ from: 0 }]);
    expect(await indexes()).toEqual([segmentIndex(spec, segments[0]!).replace('embedding_v1_hnsw', '')]);
    expect(await found(await version())).toEqual(all);
  });

  it('replace an index over all vectors that an older Earshot has built, which serves until then', async () => {
    const all = await stored();
    await owner.query(
      'create index embedding_v1_hnsw on embedding_v1 using hnsw ((embedding::vector(384)) vector_cosine_ops)',
    );
    await owner.query('insert into index_segment (index_version, from_sequence, until_sequence) values (1, 0, 1)');
    expect(await found(await version())).toEqual(all);
    expect(await findIndexFaults(client, await version())).toEqual([]);
    await seal();
    expect(await indexes()).not.toContain('');
    expect(await findIndexFaults(client, await version())).toEqual([]);
    expect(await found(await version())).toEqual(all);
  });
});

describe('the statement of a question', () => {
  it('can be sent with every mixture of what may be asked', async () => {
    const { reader } = database.forTenant('default');
    const row = await version();
    const either = [null, new Date()];
    const mixtures = (['live', 'dropped'] as const).flatMap((state) =>
      [null, '0'.repeat(32)].flatMap((customerKey) =>
        either.flatMap((asOf) =>
          either.flatMap((from) =>
            either.flatMap((to) =>
              [null, fakeVector('x')].map((vector) => ({ state, asked: { customerKey, asOf, from, to, vector } })),
            ),
          ),
        ),
      ),
    );
    for (const { state, asked } of mixtures) {
      const query = { ...question, words: 'word1', modalities: asked.from && ['chat' as const], ...asked };
      expect((await retrieveAll(reader, { ...row, state }, query)).around.live).toBe(1);
    }
  });

  it('searches as widely as it is told, and leaves the connection as it was', async () => {
    const segment = { from: 0, until: 200 };
    await buildSegment(client, spec, segment);
    await publishSegment(client, spec, segment);
    const connection = await connect();
    const settings = async () => {
      const { rows } = await connection.query<{ wide: string; far: string }>(
        `select current_setting('hnsw.ef_search') as wide, current_setting('hnsw.max_scan_tuples') as far`,
      );
      return rows[0];
    };
    await connection.query(`load 'vector'; set earshot.tenant = 'default'; set hnsw.ef_search = 50; begin`);
    const width = { efSearch: 70, scanRows: 300 };
    await retrieveAll(connection, await version(), { ...question, vector: fakeVector('x'), width });
    // Without a filter nothing is given up early.
    expect(await settings()).toEqual({ wide: '70', far: '20000' });
    const modalities = ['chat' as const];
    await retrieveAll(connection, await version(), { ...question, modalities, vector: fakeVector('x'), width });
    expect(await settings()).toEqual({ wide: '70', far: '300' });
    await connection.query('commit');
    expect(await settings()).toEqual({ wide: '50', far: '20000' });
    await connection.end();
  });

  it('without filters is prepared and planned once in each connection, whatever is asked', async () => {
    const questions = database.forTenant('default').questions.plain;
    await ensureIndex(client, spec, LIMITS);
    for (const word of ['x', 'y', 'z']) {
      await retrieveAll(questions, await version(), { ...question, words: word, vector: fakeVector(word) });
    }
    const text = `
      select generic_plans::integer as once, custom_plans::integer as anew
      from pg_prepared_statements where name ~ '^retrieve_all_v1_\\w{12}$'`;
    const { rows } = await questions.query({ name: 'prepared', text, values: [] });
    expect(rows).toEqual([{ once: 3, anew: 0 }]);
  });

  it('about a customer shows nobody else’s chunk, whatever customer its vector is noted for', async () => {
    const [one] = await owner.query<{ chunk_id: string; own: string; other: string }>(
      `select c.chunk_id, c.customer_key as own, o.customer_key as other from chunk c
       join chunk o on o.customer_key <> c.customer_key order by c.chunk_id, o.chunk_id limit 1`,
    );
    const { chunk_id, own, other } = one!;
    const vector = fakeVector('x');
    const note = (key: string) =>
      owner.query('update embedding_v1 set customer_key = $2 where chunk_id = $1', [chunk_id, key]);
    const { plain, filtered } = database.forTenant('default').questions;
    await note(other);
    for (const [pool, from] of [[plain, null] as const, [filtered, new Date(0)] as const]) {
      const rows = await retrieveCandidates(pool, spec, { ...question, vector, customerKey: other, from });
      expect(rows.map(({ customer_key }) => customer_key)).toEqual([other]);
    }
    await note(own);
  });

  it('about a customer is the same one however widely indexes are searched', async () => {
    const questions = database.forTenant('default').questions.plain;
    const ofCustomer = { ...question, customerKey: '0'.repeat(32), vector: fakeVector('x') };
    for (const efSearch of [50, 60]) {
      await retrieveAll(questions, await version(), { ...ofCustomer, width: { efSearch, scanRows: 100 } });
    }
    const text = `select count(*)::integer as prepared from pg_prepared_statements where name like 'retrieve_customer%'`;
    expect((await questions.query({ name: 'prepared customer', text, values: [] })).rows).toEqual([{ prepared: 1 }]);
  });

  it('with filters is planned for what it asks', async () => {
    const { filtered } = database.forTenant('default').questions;
    for (let time = 0; time < 7; time++) {
      await retrieveAll(filtered, await version(), { ...question, vector: fakeVector('x'), from: new Date(0) });
    }
    const text = `
      select generic_plans::integer as once, custom_plans::integer as anew
      from pg_prepared_statements where name like 'retrieve_all%'`;
    expect((await filtered.query({ name: 'prepared', text, values: [] })).rows).toEqual([{ once: 0, anew: 7 }]);
  });
});
