import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { rankOfRecords } from '../../src/db/explain.ts';
import { listIndexVersions, type IndexVersionRow } from '../../src/db/index-versions.ts';
import { openDatabase, type Database } from '../../src/db/pools.ts';
import { retrieveAll, retrieveCandidates, type CandidateRow } from '../../src/db/retrieval.ts';
import { fuse, type FusionOptions } from '../../src/domain/rank-fusion.ts';
import { fusionCandidate } from '../../src/retrieval/fusion-candidate.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { fakeVector } from '../support/fake-models.ts';
import { fillWithRecords } from '../support/many-records.ts';

/** Chunks whose words are all looked at. */
const TEXT_ROWS = 100;
const LARGE = 'c4ca4238a0b923820dcc509a6f75849b';
const SMALL = 'c81e728d9d4c2f636f067f89cc14862c';

let owner: TestDatabase;
let database: Database;
let version: IndexVersionRow;

beforeAll(async () => {
  owner = await createDatabase();
  await fillWithRecords(owner, 2);
  for (const table of ['chunk', 'embedding']) {
    await owner.query(
      `update ${table} set customer_key = $1 where abs(hashtext(chunk_id::text)) % 2 = 0 and customer_key <> $2`,
      [LARGE, SMALL],
    );
  }
  // Everybody says one word, each tenth of the large customer's chunks another, and no two at the same time.
  await owner.query(
    `update chunk set
       text = 'invoice' || case when customer_key = $1 and n % 10 = 0 then ' chargeback' else '' end || ' word' || n % 7
         || case when customer_key = $1 and n > 500 then ' settlement' else '' end,
       event_time = now() - n * interval '7 seconds'
     from (select chunk_id as id, row_number() over (order by md5(chunk_id::text)) as n from chunk) as numbered
     where id = chunk_id`,
    [LARGE],
  );
  await owner.query('analyze');
  database = openDatabase({ url: owner.url });
  [version] = (await listIndexVersions(database.deployment)) as [IndexVersionRow];
});
afterAll(async () => {
  await database?.close();
  await owner?.drop();
});

/** As if the tenant had many more chunks: what is common with all may be rare with one customer. */
const COMMON = { words: ['invoic', 'settlement'], chunks: [300_000, 300_000] };
const plain = { tenant: 'default', modalities: null, from: null, to: null, minConfidence: 0 };
const query = (customerKey: string | null, words: string | null, candidates: number) => ({
  ...{ ...plain, customerKey, words, candidates, common: COMMON, textRows: TEXT_ROWS, exactRows: 1_000 },
  vector: fakeVector('anything'),
});

describe('words of a question about a customer', () => {
  const saying = async (customerKey: string, condition: string, limit = 1_000) => {
    const rows = await owner.query<{ chunk_id: string }>(
      `select chunk_id from chunk where customer_key = $1 and ${condition} order by event_time desc limit $2`,
      [customerKey, limit],
    );
    return rows.map(({ chunk_id }) => chunk_id).toSorted();
  };
  const found = async (customerKey: string, words: string) => {
    const { reader } = database.forTenant('default');
    const rows = await retrieveCandidates(reader, version, { ...query(customerKey, words, 1_000), vector: null });
    return rows.map(({ chunk_id }) => chunk_id).toSorted();
  };
  /** What an explanation takes for candidates. */
  const explained = async (customerKey: string, words: string) => {
    const { reader } = database.forTenant('default');
    const about = { tenant: 'default', customerKey, version, moment: null };
    const rows = await rankOfRecords(reader, about, [], { ...query(customerKey, words, 1_000), vector: null });
    return rows.map(({ chunk_id }) => chunk_id).toSorted();
  };

  it('all count where the customer has few chunks', async () => {
    const all = await saying(SMALL, 'true');
    expect(all.length).toBeGreaterThan(0);
    expect(await found(SMALL, 'invoice chargeback')).toEqual(all);
    expect(await explained(SMALL, 'invoice chargeback')).toEqual(all);
  });

  it('choose by the rarest where the customer has many', async () => {
    const rare = await saying(LARGE, `text like '%chargeback%'`);
    expect(rare.length).toBeGreaterThan(20);
    expect(await found(LARGE, 'invoice chargeback')).toEqual(rare);
    expect(await explained(LARGE, 'invoice chargeback')).toEqual(rare);
  });

  it('find what is common with all and said long ago by this customer', async () => {
    const old = await saying(LARGE, `text like '%settlement%'`);
    expect(old.length).toBeGreaterThan(10);
    expect(await found(LARGE, 'settlement')).toEqual(old);
    expect(await explained(LARGE, 'settlement')).toEqual(old);
  });

  it('find the newest where all are common', async () => {
    const newest = await saying(LARGE, 'true', TEXT_ROWS);
    expect(newest).toHaveLength(TEXT_ROWS);
    expect(await found(LARGE, 'invoice')).toEqual(newest);
    expect(await explained(LARGE, 'invoice')).toEqual(newest);
  });
});

describe('the best of the candidates', () => {
  const inOrder = (rows: readonly CandidateRow[], options: FusionOptions) => fuse(rows.map(fusionCandidate), options);

  // Many at the same time, some within a millisecond, so that ranks tie.
  beforeAll(() =>
    owner.query(`
      update chunk set event_time = date_trunc('minute', event_time) + (abs(hashtext(chunk_id::text)) % 3) * interval '1 microsecond'`),
  );

  it.each([
    ['over all', null],
    ['about a customer', LARGE],
  ])('are the first of all of them, with the same ranks, %s', async (_, customerKey) => {
    const { plain: reader } = database.forTenant('default').questions;
    const asked = query(customerKey, 'chargeback word3', 50);
    const { candidates: all } = await retrieveAll(reader, version, asked);
    expect(all.length).toBeGreaterThan(60);
    for (const options of [
      { rankConstant: 60, recencyWeight: 0.1 },
      { rankConstant: 1, recencyWeight: 3 },
    ]) {
      for (const k of [1, 10, 1_000]) {
        const { candidates } = await retrieveAll(reader, version, { ...asked, best: { k, ...options } });
        expect(inOrder(candidates, options)).toEqual(inOrder(all, options).slice(0, k));
      }
    }
  });
});
