import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { chunksToEmbed } from '../../src/db/embeddings.ts';
import { nextOfLane } from '../../src/db/history-lane.ts';
import { buildSegment } from '../../src/db/index-segments.ts';
import { findLiveTraffic } from '../../src/db/live-traffic.ts';
import { openDatabase, type Database, type Queryable } from '../../src/db/pools.ts';
import { retrieveCandidates } from '../../src/db/retrieval.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { fakeVector } from '../support/fake-models.ts';
import { fillWithRecords } from '../support/many-records.ts';

let owner: TestDatabase;
let database: Database;
const segments = [{ from: 0, until: 2_000 }];
const version = {
  index_version: 1,
  model: 'm',
  dimensions: 384,
  storage: 'vector' as const,
  state: 'live' as const,
  segments,
};

beforeAll(async () => {
  owner = await createDatabase();
  // Few rows are read faster without an index: with sequential scans off, a plan shows which indexes can be used.
  await owner.query(
    `do $$ begin execute format('alter database %I set enable_seqscan = off', current_database()); end $$`,
  );
  database = openDatabase({ url: owner.url });
  await fillWithRecords(owner, 10);
  const client = new pg.Client({ connectionString: owner.url });
  await client.connect();
  await buildSegment(client, version, segments[0]!);
  await client.end();
});
afterAll(async () => {
  await database?.close();
  await owner?.drop();
});

/** An index that begins with tenant and customer. */
const CUSTOMERS_OWN = /chunk_by_(customer|text)/;

/** Explains what is sent instead of running it. */
async function planOf(customerKey: string | null, asOf: Date | null = null): Promise<string> {
  const { reader } = database.forTenant('default');
  let plan = '';
  const explaining: Queryable = {
    query: async ({ text, values }) => {
      const { rows } = await reader.query({
        name: `explain ${customerKey} ${asOf?.getTime()}`,
        text: `explain ${text}`,
        values,
      });
      plan = (rows as Record<string, string>[]).map((row) => row['QUERY PLAN']).join('\n');
      return { rows: [] };
    },
  };
  const filters = { modalities: null, from: null, to: null, minConfidence: 0, candidates: 10 };
  const limits = { exactRows: 1_000, width: { efSearch: 100, scanRows: 5_000 } };
  await retrieveCandidates(explaining, version, {
    tenant: 'default',
    customerKey,
    words: 'word7',
    vector: fakeVector('word7'),
    asOf,
    ...filters,
    ...limits,
  });
  return plan;
}

describe('the plan of a retrieval', () => {
  it('within a customer is exact: the customer’s rows by B-tree, no approximate index', async () => {
    const plan = await planOf('c4ca4238a0b923820dcc509a6f75849b');
    expect(plan).toMatch(CUSTOMERS_OWN);
    expect(plan).not.toContain('hnsw');
  });

  it('over all customers goes by HNSW and by GIN', async () => {
    const plan = await planOf(null);
    expect(plan).toContain('embedding_v1_hnsw');
    expect(plan).toContain('chunk_words');
  });

  it('about the past goes the same ways', async () => {
    const within = await planOf('c4ca4238a0b923820dcc509a6f75849b', new Date());
    expect(within).toMatch(CUSTOMERS_OWN);
    expect(within).not.toContain('hnsw');
    const all = await planOf(null, new Date());
    expect(all).toContain('embedding_v1_hnsw');
    expect(all).toContain('chunk_words');
  });
});

it('one plan for all customers parses the words of a question once, not for each chunk', async () => {
  const client = new pg.Client({ connectionString: owner.url });
  await client.connect();
  let plan = '';
  const explaining: Queryable = {
    query: async ({ text }) => {
      // Without values it is sent as it stands, which alone shows the plan for any values.
      const { rows } = await client.query<Record<string, string>>(`explain (generic_plan) ${text}`);
      plan = rows.map((row) => row['QUERY PLAN']).join('\n');
      return { rows: [] };
    },
  };
  await retrieveCandidates(explaining, version, {
    ...{ tenant: 'default', customerKey: '0'.repeat(32), words: 'word7', vector: fakeVector('word7') },
    ...{ modalities: null, from: null, to: null, minConfidence: 0, candidates: 10 },
  });
  await client.end();
  expect(plan).toMatch(CUSTOMERS_OWN);
  expect(plan).toContain('ts_rank');
  expect(plan).not.toContain('plainto_tsquery');
});

it('about a large customer, with a filter that few pass, looks not at each of the customer’s vectors', async () => {
  const [large] = await owner.query<{ key: string }>('select customer_key as key from chunk limit 1');
  for (const table of ['chunk', 'embedding']) {
    await owner.query(`update ${table} set customer_key = $1 where abs(hashtext(chunk_id::text)) % 2 = 0`, [
      large!.key,
    ]);
  }
  await owner.query('analyze');
  const { filtered } = database.forTenant('default').questions;
  let plan = '';
  const explaining: Queryable = {
    query: async ({ name, text, values }) => {
      const { rows } = await filtered.query({
        name: `analyze ${name}`,
        text: `explain (analyze, timing off) ${text}`,
        values,
      });
      plan = (rows as Record<string, string>[]).map((row) => row['QUERY PLAN']).join('\n');
      return { rows: [] };
    },
  };
  const soon = new Date(Date.now() + 60_000);
  const none = { modalities: null, from: null, to: null, minConfidence: 0, asOf: null };
  for (const filter of [{ from: soon }, { modalities: ['audio' as const] }, { minConfidence: 1.1 }]) {
    await retrieveCandidates(explaining, version, {
      ...{ tenant: 'default', customerKey: large!.key, words: null, vector: fakeVector('x'), candidates: 10 },
      ...{ ...none, ...filter },
    });
    const loops = [...plan.matchAll(/loops=(\d+)/g)].map(([, times]) => Number(times));
    expect(Math.max(...loops)).toBeLessThan(100);
  }
});

describe('the vector of a text that a customer has sent before', () => {
  const known = async (indexVersion: number) => {
    const [chunk] = await owner.query<{ artifact_id: string }>('select artifact_id from chunk limit 1');
    await owner.query(
      `insert into chunk (tenant, chunk_id, artifact_id, interaction_id, session_id, customer_key, modality, ordinal,
         text, place, confidence, event_time, chunker_version)
       select tenant, gen_random_uuid(), artifact_id, interaction_id, session_id, customer_key, modality, 1, text, place,
         1, now(), 'c'
       from chunk where artifact_id = $1 limit 1`,
      [chunk!.artifact_id],
    );
    const rows = await chunksToEmbed(app(), 'default', [chunk!.artifact_id], indexVersion);
    return rows.map(({ known_vector }) => known_vector !== null);
  };
  const app = () => database.forTenant('default').app;

  it('is taken from the same index version alone: a fault that a new version mends is not inherited', async () => {
    expect(await known(1)).toContain(true);
    expect(await known(2)).not.toContain(true);
  });

  it('is found by an index, for the processes, which are bound by row-level security', async () => {
    let plan = '';
    const explaining: Queryable = {
      query: async ({ text, values }) => {
        const { rows } = await app().query({ name: 'explain', text: `explain ${text}`, values });
        plan = (rows as Record<string, string>[]).map((row) => row['QUERY PLAN']).join('\n');
        return { rows: [] };
      },
    };
    await chunksToEmbed(explaining, 'default', [], 1);
    expect(plan).toMatch(/chunk_by_text on chunk k?/);
    expect(plan).toContain('hashtextextended(');
  });
});

it('what the lane of history takes next is found by the indexes of who is awake and of what waits', async () => {
  let plan = '';
  const explaining: Queryable = {
    query: async ({ text, values }) => {
      const { rows } = await database.forTenant('default').app.query({
        name: 'explain next of lane',
        text: `explain ${text}`,
        values,
      });
      plan = (rows as Record<string, string>[]).map((row) => row['QUERY PLAN']).join('\n');
      return { rows: [] };
    },
  };
  await nextOfLane(explaining, 'default', { messages: 256, perSession: 200 });
  expect(plan).toMatch(/session_to_ring[^\n]*\n[^\n]*Index Cond: \(\(tenant = [^\n]*in_lane/);
  expect(plan).toContain('freshness_to_drain');
});

it('whether live traffic goes on is seen by the index of who is awake and that of the newest question', async () => {
  let plan = '';
  const explaining: Queryable = {
    query: async ({ text, values }) => {
      const { rows } = await database.forTenant('default').app.query({
        name: 'explain live traffic',
        text: `explain ${text}`,
        values,
      });
      plan = (rows as Record<string, string>[]).map((row) => row['QUERY PLAN']).join('\n');
      return { rows: [{}] };
    },
  };
  await findLiveTraffic(explaining, 'default', 60_000);
  expect(plan).toContain('session_to_ring');
  expect(plan).toContain('freshness_to_drain');
  expect(plan).toContain('retrieval_by_age');
});
