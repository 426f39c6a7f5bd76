import { ScheduleClient } from '@temporalio/client';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { SEAL_INDEX_SCHEDULE } from '../../src/temporal/schedules.ts';
import { startEarshot, type TestEarshot } from '../support/earshot.ts';
import { startFakeModels, type FakeModels } from '../support/fake-models.ts';
import { segmentsOf } from '../support/segments.ts';
import { until } from '../support/until.ts';

let models: FakeModels;
let earshot: TestEarshot;

beforeAll(async () => {
  models = await startFakeModels();
  earshot = await startEarshot({ models, dials: { 'index.seal_after_rows': 4 } });
});
afterAll(async () => {
  await earshot?.stop();
  await models?.stop();
});

const TEXTS = [
  'the parcel is lost',
  'a refund, please',
  'I cannot log in',
  'the invoice is wrong',
  'the screen is dark',
];

async function say(text: string, messageId: string): Promise<void> {
  const { body } = await earshot.message({ customerId: 'sam', conversationId: 'one', messageId, text });
  await earshot.settled(body.interactionId, 'reachable');
}

it('builds an index for what came, every minute, and a question finds the same before and after, and what came since', async () => {
  for (const [n, text] of TEXTS.entries()) await say(text, `m-${n}`);
  const everything = async () => {
    const { results } = await earshot.retrieve({ query: 'parcel', mode: 'vector', k: 50 });
    return results.map(({ text }) => text).sort();
  };
  expect(await everything()).toEqual(TEXTS.toSorted());
  const schedules = new ScheduleClient({ connection: earshot.connection, namespace: earshot.namespace });
  await schedules.getHandle(SEAL_INDEX_SCHEDULE).trigger();
  await until('a segment is built', async () => (await segmentsOf(earshot.database)).length === 1);
  expect(await everything()).toEqual(TEXTS.toSorted());
  await say('one more', 'm-last');
  expect(await everything()).toEqual([...TEXTS, 'one more'].sort());
});

it('a question whose vector is remembered takes one round trip to Postgres, and the record of the answer another', async () => {
  const roundTrips = async () => {
    const { body } = await earshot.request<{ text: string }>('GET', '/metrics');
    const lines = body.text.matchAll(/^earshot_database_round_trips_total\{statement="(\w+)"[^}]*\} (\d+)$/gm);
    return new Map([...lines].map(([, statement, count]) => [statement!, Number(count)]));
  };
  for (const [scope, statement] of [
    [{}, 'retrieve_all_v1'],
    [{ customerId: 'sam' }, 'retrieve_customer_v1'],
  ] as const) {
    const ask = () => earshot.retrieve({ query: 'where is my parcel', ...scope });
    await ask();
    const before = await roundTrips();
    const { retrievalId } = await ask();
    const { rows } = await until('it is recorded', async () => {
      const rows = await earshot.database.query('select from retrieval where retrieval_id = $1', [retrievalId]);
      return rows.length === 1 && { rows };
    });
    expect(rows).toHaveLength(1);
    const after = await roundTrips();
    const asked = [...after].filter(
      ([name, count]) => /retriev|surround|newest|pending|common/.test(name) && count > (before.get(name) ?? 0),
    );
    expect(asked.map(([name, count]) => [name, count - (before.get(name) ?? 0)]).sort()).toEqual([
      ['record_retrieval', 1],
      [statement, 1],
    ]);
  }
});
