import pg from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { loadCorpus, sealPayloads } from '../../bench/corpus.ts';
import { keyedIds } from '../../src/domain/ids.ts';
import { startEarshot, type TestEarshot } from '../support/earshot.ts';
import { AT_ONCE, completed, requestErasure } from '../support/erasures.ts';
import { until } from '../support/until.ts';
import { startFakeModels, type FakeModels } from '../support/fake-models.ts';
import { findVersion, ready, requestReindex, tell } from '../support/reindexes.ts';
import { remainsOf } from '../support/remains.ts';

const CUSTOMERS = 5;
const CHUNKS_EACH = 1_000;
/** Between two requests of each who writes or asks: two cores do all of this at once. */
const PACE_MS = 50;
/** A conversation is awake all the time, and the model answers at once. */
const UNYIELDING = {
  'reindex.chunks_per_request_beside_live': 8,
  'reindex.requests_in_flight_beside_live': 2,
  'reindex.min_share_beside_live': 1,
};
const ERASED = ['corpus-1', 'corpus-2'];

let models: FakeModels;
let earshot: TestEarshot;

beforeAll(async () => {
  models = await startFakeModels();
  models.poison = 'poisonous';
  earshot = await startEarshot({ models, dials: { ...AT_ONCE, ...UNYIELDING, 'reindex.sample_size': 20 } });
  const ids = keyedIds(Buffer.from(earshot.env['EARSHOT_CUSTOMER_SECRET']!, 'hex'));
  const masterKey = Buffer.from(earshot.env['EARSHOT_MASTER_KEY']!, 'hex');
  const customers = Array.from({ length: CUSTOMERS }, (_, index) => {
    const customerId = `corpus-${index}`;
    return { customerId, customerKey: ids.customerKey('default', customerId), chunks: CHUNKS_EACH };
  });
  const pool = new pg.Pool({ connectionString: earshot.database.url, max: 2 });
  await loadCorpus(pool, customers);
  for (const customer of customers) await sealPayloads(pool, masterKey, customer);
  // In the middle of the walk, of a customer who stays.
  await pool.query(
    `update chunk set text = 'a poisonous text' where chunk_id = (
       select chunk_id from chunk where customer_key = $1 order by chunk_id offset 500 limit 1)`,
    [customers[4]!.customerKey],
  );
  await pool.end();
});
afterAll(async () => {
  await earshot?.stop();
  await models?.stop();
});

/** Writes and asks, of customers and of all, until told to stop; keeps what was accepted and every bad answer. */
function traffic() {
  const accepted: string[] = [];
  const bad: unknown[] = [];
  let goesOn = true;
  let questions = 0;
  const write = async () => {
    for (let turn = 0; goesOn; turn++) {
      const { status, body } = await earshot.message({ customerId: `live-${turn % 3}`, text: `a live text ${turn}` });
      if (status === 202) accepted.push(body.interactionId);
      else bad.push(body);
      await new Promise((resolve) => setTimeout(resolve, PACE_MS));
    }
  };
  const ask = async (customerId: string | undefined) => {
    for (; goesOn; questions++) {
      const answer = await earshot.request<{ results?: unknown[]; degraded?: string[] }>('POST', '/v1/retrieve', {
        query: 'refund of an invoice',
        mode: 'vector',
        ...(customerId === undefined ? {} : { customerId }),
      });
      if (answer.status !== 200 || answer.body.results?.length === 0) bad.push(answer.body);
      await new Promise((resolve) => setTimeout(resolve, PACE_MS));
    }
  };
  const running = Promise.all([write(), ask(undefined), ask('corpus-0')]);
  return {
    stop: async () => {
      goesOn = false;
      await running;
      return { accepted, bad, questions };
    },
  };
}

it('5,000 chunks are embedded anew under traffic and erasures: none lost, doubled or resurrected, every question answered', async () => {
  const going = traffic();
  await earshot.request('PUT', '/v1/dials/reindex.max_chunks_per_second', { value: 1_000 });
  const { body: asked } = await requestReindex(earshot, { embeddingModel: 'fake-256', dimensions: 256 });
  const erasures = await Promise.all(ERASED.map((customerId) => requestErasure(earshot, customerId)));
  const built = await ready(earshot, asked.version, 100_000);
  expect(built.failures).toMatchObject([{ code: 'model_rejected' }]);
  const refused = await tell(earshot, asked.version, 'activate');
  expect(refused.body.details?.shortfalls?.map(({ figure }) => figure)).toEqual(['parity', 'overlap']);
  // The vectors of the corpus are random: nothing is near in both versions.
  await earshot.request('PUT', '/v1/dials/reindex.min_overlap', { value: 0 });
  await earshot.request('PUT', '/v1/dials/reindex.min_parity', { value: 0.99 });
  const { status } = await tell(earshot, asked.version, 'activate');
  expect(status).toBe(200);
  for (const { body } of erasures) await completed(earshot, body.erasureId);
  const { accepted, bad, questions } = await going.stop();
  expect(bad).toEqual([]);
  expect(questions).toBeGreaterThan(10);
  for (const id of accepted) await earshot.settled(id, 'reachable');
  await expectWhole(asked.version, accepted.length);
  for (const customerId of ERASED) expect(await remainsOf(earshot, customerId)).toEqual({});
  expect((await findVersion(earshot, asked.version)).evidence).toMatchObject({ recall: expect.any(Number) as number });
}, 170_000);

/** Each text that is served has one vector and one edge in the version, but for the poisonous one. */
async function expectWhole(version: number, live: number): Promise<void> {
  const chunks = (CUSTOMERS - ERASED.length) * CHUNKS_EACH + live;
  const look = async () =>
    (
      await earshot.database.query<Record<string, number>>(
        `select count(*)::integer as chunks,
       count(e.chunk_id)::integer as vectors,
       count(e.reachable_at)::integer as reachable,
       count(distinct e.chunk_id)::integer as distinct,
       (select count(*)::integer from lineage_edge l
        where l.activity = 'embed' and (l.parameters->>'indexVersion')::integer = $1) as edges
     from chunk c
     left join embedding e on e.index_version = $1 and e.chunk_id = c.chunk_id`,
        [version],
      )
    )[0]!;
  // What was written at the moment of the switch is embedded by the walk that follows it.
  await until('the walk after the switch is done', async () => (await look())['reachable']! >= chunks - 1);
  expect(await look()).toEqual({
    chunks,
    vectors: chunks - 1,
    reachable: chunks - 1,
    distinct: chunks - 1,
    edges: chunks - 1,
  });
}
