import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { prepareEarshot, type TestEarshot } from '../support/earshot.ts';
import { holdRoute, startFakeModels, type FakeModels } from '../support/fake-models.ts';
import { until } from '../support/until.ts';

let models: FakeModels;
let earshot: TestEarshot;

beforeAll(async () => {
  models = await startFakeModels();
  const dials = { 'chat.at_once_deadline_ms': 30_000, 'embedding.requests_in_flight': 1 };
  earshot = await prepareEarshot({ models, dials });
  await earshot.start();
});
afterAll(async () => {
  await earshot?.stop();
  await models?.stop();
});
beforeEach(() => {
  models.heal();
  models.poison = undefined;
  models.calls.length = 0;
});

const eventTypes = async (workflowId: string) =>
  ((await earshot.temporal.getHandle(workflowId).fetchHistory()).events ?? []).map(({ eventType }) =>
    Number(eventType),
  );

const completed = (workflowId: string) =>
  until(
    'the run has closed',
    async () => (await earshot.temporal.getHandle(workflowId).describe()).status.name === 'COMPLETED',
  );

async function counted(series: string): Promise<number> {
  const text = (await earshot.request<{ text: string }>('GET', '/metrics')).body.text;
  const line = text.split('\n').find((each) => each.startsWith(series));
  return Number(line?.split(' ').at(-1) ?? 0);
}

const roundTrips = (statement: string) => counted(`earshot_database_round_trips_total{statement="${statement}"}`);
const rings = () => counted('earshot_workflows_rung_total{channel="chat",by="intake"}');

/** Says something in each of so many conversations while the model is held by one more. */
async function sayWhileHeld(name: string, conversations: number, textOf: (index: number) => string) {
  const held = holdRoute(models, 'embeddings');
  const first = await earshot.message({ conversationId: `${name}-first`, customerId: `${name}-first` });
  await held.arrived();
  const others = await Promise.all(
    Array.from({ length: conversations }, (_, index) => {
      const customerId = `${name}-${index}`;
      return earshot.message({ conversationId: customerId, customerId, text: textOf(index) });
    }),
  );
  return { first, others, release: () => held.release() };
}

describe('conversations that write at the same time', () => {
  it('have a run each and share model requests and statements', async () => {
    const [stores, rung] = [await roundTrips('store_embeddings'), await rings()];
    const { first, others, release } = await sayWhileHeld('sharing', 30, (index) => `parcel number ${index}`);
    await until('all were rung for', async () => (await rings()) === rung + 31);
    await until('they have asked for their messages', async () => (await roundTrips('take_messages')) > 1);
    release();
    for (const { body } of [first, ...others]) await earshot.settled(body.interactionId, 'reachable');
    expect(new Set(others.map(({ body }) => body.workflowId)).size).toBe(30);
    expect(models.calls.length).toBeLessThanOrEqual(6);
    expect((await roundTrips('store_embeddings')) - stores).toBeLessThanOrEqual(8);
    const [runs] = await earshot.database.query<{ runs: number }>(
      `select count(distinct run_id)::integer as runs from lineage_edge where to_kind = 'embedding'
       and interaction_id = any($1)`,
      [others.map(({ body }) => body.interactionId)],
    );
    expect(runs?.runs).toBe(30);
  });

  it('share larger model requests while the step that grows batches holds', async () => {
    await earshot.request('PUT', '/v1/dials/embedding.join_max_texts', { value: 8 });
    let round = 0;
    /** Of all requests for what 24 conversations say at once. */
    const largest = async () => {
      models.calls.length = 0;
      const { others, release } = await sayWhileHeld(`growing-${++round}`, 24, (index) => `parcel ${round}.${index}`);
      release();
      for (const { body } of others) await earshot.settled(body.interactionId, 'reachable');
      return Math.max(...models.calls.map(({ inputs }) => inputs.length));
    };
    await until('the dial is in force', async () => (await largest()) === 8);
    await earshot.request('PUT', '/v1/dials/pressure.at_least_step', { value: 2 });
    await until('requests are larger', async () => (await largest()) > 8);
    await earshot.request('PUT', '/v1/dials/pressure.at_least_step', { value: 0 });
    await until('requests are as they were', async () => (await largest()) === 8);
    await earshot.request('PUT', '/v1/dials/embedding.join_max_texts', { value: 64 });
  });

  it('fail alone: one whose text the model refuses takes no other with it', async () => {
    models.poison = 'poisonous';
    const say = (index: number) => (index === 3 ? 'poisonous words' : `harmless words ${index}`);
    const { others, release } = await sayWhileHeld('alone', 6, say);
    release();
    for (const [index, { body }] of others.entries()) {
      const { reason } = await earshot.settled(body.interactionId, index === 3 ? 'failed' : 'reachable');
      expect(reason).toBe(index === 3 ? 'model_rejected' : null);
    }
  });
});

const STARTED_ACTIVITY = 11;

describe('a lone message', () => {
  it('is indexed in the first task of its run: six events', async () => {
    const { body } = await earshot.message({ conversationId: 'lone', customerId: 'lone' });
    await earshot.settled(body.interactionId, 'reachable');
    await completed(body.workflowId);
    expect(await eventTypes(body.workflowId)).toHaveLength(6);
  });

  it('is indexed by an activity when a dial says so', async () => {
    for (const value of [0, 1]) {
      await earshot.request('PUT', '/v1/dials/chat.in_one_task', { value });
      await until('the dial is in force', async () => {
        const customerId = `dial-${Math.random()}`.replace('.', '');
        const { body } = await earshot.message({ conversationId: customerId, customerId });
        await earshot.settled(body.interactionId, 'reachable');
        await completed(body.workflowId);
        return (await eventTypes(body.workflowId)).includes(STARTED_ACTIVITY) === (value === 0);
      });
    }
  });

  it('is left to an activity when the model does not answer in time, as are those after it for a while', async () => {
    await earshot.application?.stop();
    await earshot.database.query(`update dial set value = 200 where name = 'chat.at_once_deadline_ms'`);
    await earshot.database.query(`insert into dial (name, value) values ('chat.defer_after_failure_ms', 600000)`);
    await earshot.start();
    const held = holdRoute(models, 'embeddings');
    const { body } = await earshot.message({ conversationId: 'slow', customerId: 'slow' });
    await held.arrived();
    await until('an activity has taken it over', () => models.calls.length > 1);
    held.release();
    await earshot.settled(body.interactionId, 'reachable');
    await completed(body.workflowId);
    expect(await eventTypes(body.workflowId)).toContain(STARTED_ACTIVITY);
    const next = await earshot.message({ conversationId: 'after', customerId: 'after' });
    await earshot.settled(next.body.interactionId, 'reachable');
    await completed(next.body.workflowId);
    expect(await eventTypes(next.body.workflowId)).toContain(STARTED_ACTIVITY);
  });
});
