import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { listIndexVersions } from '../../src/db/index-versions.ts';
import { openDatabase, type Database } from '../../src/db/pools.ts';
import { retrieveCandidates } from '../../src/db/retrieval.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { fillWithRecords } from '../support/many-records.ts';
import { sealAll } from '../support/segments.ts';

const SMALL = 'small';
/** Tables that an answer is made of. */
const TABLES = ['subject', 'session', 'interaction', 'freshness', 'artifact', 'chunk', 'embedding'];
const CANDIDATES = 20;

let owner: TestDatabase;
let database: Database;
let vector: number[];

beforeAll(async () => {
  owner = await createDatabase();
  // As if the segment held many times as many vectors: its search is given up before it has seen them all.
  await owner.query(
    `do $$ begin execute format('alter database %I set hnsw.max_scan_tuples = 200', current_database()); end $$`,
  );
  await fillWithRecords(owner, 8);
  const client = new pg.Client({ connectionString: owner.url });
  await client.connect();
  // Rows of five customers become another tenant's; meanwhile they refer to what is not there.
  await client.query(`set session_replication_role = replica; insert into tenant (tenant) values ('${SMALL}')`);
  for (const table of TABLES) {
    await client.query(
      `update ${table} set tenant = $1 where customer_key in (select md5(n::text) from generate_series(1, 5) n)`,
      [SMALL],
    );
  }
  // All of the large tenant's are nearer to the question than any of the small one's.
  await client.query(
    `update embedding_v1 set embedding =
       (array[case tenant when $1 then -1 else 30 end::real] || (embedding::real[])[2:])::vector`,
    [SMALL],
  );
  await client.end();
  const [any] = await owner.query<{ vector: string }>(
    `select embedding::text as vector from embedding_v1 where tenant = 'default' limit 1`,
  );
  vector = JSON.parse(any!.vector) as number[];
  await sealAll(owner);
  await owner.query('analyze');
  database = openDatabase({ url: owner.url });
});
afterAll(async () => {
  await database?.close();
  await owner?.drop();
});

describe('a tenant with few vectors in a segment that is full of another’s', () => {
  const best = async () => {
    const rows = await owner.query<{ chunk_id: string }>(
      `select chunk_id from embedding_v1 where tenant = $1 order by embedding <=> $2::vector limit ${CANDIDATES}`,
      [SMALL, JSON.stringify(vector)],
    );
    return rows.map(({ chunk_id }) => chunk_id).toSorted();
  };
  const found = async (filters: { modalities: ['chat'] | null; minConfidence: number; asOf: Date | null }) => {
    const [version] = await listIndexVersions(database.deployment);
    const { plain, filtered } = database.forTenant(SMALL).questions;
    const rows = await retrieveCandidates(filters.modalities === null ? plain : filtered, version!, {
      ...{ tenant: SMALL, customerKey: null, words: null, from: null, to: null, candidates: CANDIDATES, vector },
      ...{ exactRows: 1_000, width: { efSearch: 10, scanRows: 100 }, ...filters },
    });
    return rows.map(({ chunk_id }) => chunk_id).toSorted();
  };

  it('is answered with its nearest over all customers, as many as were asked for', async () => {
    const plain = { modalities: null, minConfidence: 0, asOf: null };
    expect(await found(plain)).toEqual(await best());
    expect(await found({ ...plain, minConfidence: 0.5 })).toEqual(await best());
    expect(await found({ ...plain, asOf: new Date() })).toEqual(await best());
    expect(await found({ ...plain, modalities: ['chat'] })).toEqual(await best());
  });
});
