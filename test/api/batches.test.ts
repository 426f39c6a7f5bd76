import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CANARY_CUSTOMER } from '../../src/domain/canary.ts';
import { startEarshot, type Interaction, type Retrieval, type TestEarshot } from '../support/earshot.ts';
import { startFakeModels, type FakeModels } from '../support/fake-models.ts';
import { until } from '../support/until.ts';

let models: FakeModels;
let earshot: TestEarshot;
const ids: string[] = [];

beforeAll(async () => {
  models = await startFakeModels();
  earshot = await startEarshot({ models });
  for (let index = 0; index < 12; index++) {
    const customerId = `customer-${index % 4}`;
    const { body } = await earshot.message({ customerId, text: `the modem of ${customerId} says E-${index}` });
    ids.push(body.interactionId);
  }
  for (const id of ids) await earshot.settled(id, 'reachable');
});
afterAll(async () => {
  await earshot?.stop();
  await models?.stop();
});

const embeddings = () => models.calls.filter(({ route }) => route === 'embeddings');

async function roundTrips(statement: string): Promise<number> {
  const { text } = (await earshot.request<{ text: string }>('GET', '/metrics')).body;
  return Number(new RegExp(`round_trips_total\\{statement="${statement}"\\} (\\d+)`).exec(text)?.[1] ?? 0);
}

const askAll = async (questions: object[]) => {
  type Batch = { answers: { answer: Retrieval | null; error: { code: string } | null }[] };
  return earshot.request<Batch>('POST', '/v1/retrieve/batch', { questions });
};
const tellAll = (interactionIds: string[]) =>
  earshot.request<{ interactions: ((Interaction & { interactionId: string }) | null)[] }>(
    'POST',
    '/v1/interactions/batch',
    { interactionIds },
  );

describe('two hundred records', () => {
  it('are told of in one call and one statement, in the order of their ids', async () => {
    const asked = Array.from({ length: 200 }, (_, index) => ids[index] ?? randomUUID());
    const before = await roundTrips('find_interactions');
    const { body } = await tellAll(asked);
    expect(await roundTrips('find_interactions')).toBe(before + 1);
    expect(body.interactions).toHaveLength(200);
    expect(body.interactions.slice(0, 12).map((each) => each?.interactionId)).toEqual(ids);
    expect(body.interactions.slice(12).every((each) => each === null)).toBe(true);
    expect(body.interactions[0]).toEqual(await earshot.interaction(ids[0]!));
    const { status } = await tellAll([...asked, randomUUID()]);
    expect(status).toBe(413);
  });
});

describe('several questions', () => {
  it('are answered as each alone would be, by one request for their vectors', async () => {
    const customers = ['customer-0', 'customer-1', 'customer-2', 'customer-3'];
    const questions = Array.from({ length: 50 }, (_, index) => ({
      query: `which modem number ${index}`,
      customerId: index === 49 ? 'nobody' : customers[index % 4],
      ...(index === 48 ? { mode: 'text' } : {}),
    }));
    const known = embeddings().length;
    const { body } = await askAll(questions);
    // A question by words alone, and one about a customer without a history, ask for none.
    expect(
      embeddings()
        .slice(known)
        .map(({ inputs }) => inputs.length),
    ).toEqual([48]);
    for (const index of [0, 1, 47]) {
      const alone = await earshot.retrieve(questions[index]!);
      const hits = body.answers[index]!.answer!.results.map(({ chunkId }) => chunkId);
      expect(hits).toEqual(alone.results.map(({ chunkId }) => chunkId));
      expect(hits).toHaveLength(3);
    }
    expect(body.answers[49]!.answer).toMatchObject({ history: 'none', results: [] });
    expect((await askAll([...questions, questions[0]!])).status).toBe(413);
  });

  it('with filters are all answered, however long the first of them take', async () => {
    const questions = Array.from({ length: 50 }, (_, index) => ({
      ...{ query: `modem ${index}`, mode: 'vector', from: '2020-01-01T00:00:00Z', modalities: ['chat'] },
    }));
    const blocker = new pg.Client({ connectionString: earshot.database.url });
    await blocker.connect();
    try {
      await blocker.query('begin; lock table chunk in access exclusive mode');
      const asked = askAll(questions);
      // The pool of connections refuses who has waited for one for five seconds.
      await until('the first have taken longer than others may wait', async () => {
        const [row] = await earshot.database.query<{ waiting: number }>(
          `select count(*)::integer as waiting from pg_stat_activity
           where datname = current_database() and wait_event_type = 'Lock' and query like '%around as materialized%'
             and query_start < clock_timestamp() - interval '5.5 s'`,
        );
        return row!.waiting > 0;
      });
      await blocker.query('rollback');
      const { body } = await asked;
      expect(body.answers.map(({ error }) => error)).toEqual(questions.map(() => null));
      expect(body.answers.every(({ answer }) => answer!.results.length > 0)).toBe(true);
    } finally {
      await blocker.end();
    }
  });

  it('fail alone: a refused text takes nobody with it, and a reserved customer is refused as ever', async () => {
    models.poison = 'poison';
    const { body } = await askAll([
      { query: 'a good one', customerId: 'customer-0' },
      { query: 'a poison one', customerId: 'customer-1', mode: 'vector' },
      { query: 'a poison one', customerId: 'customer-2' },
    ]);
    models.poison = undefined;
    expect(body.answers.map(({ error }) => error?.code ?? null)).toEqual([null, 'model_rejected', null]);
    expect(body.answers.map(({ answer }) => answer?.degraded ?? null)).toEqual([[], null, ['vector']]);
    const reserved = await askAll([{ query: 'a' }, { query: 'b', customerId: CANARY_CUSTOMER.id }]);
    expect(reserved.status).toBe(400);
    expect(reserved.body).toMatchObject({ errors: [{ field: 'questions.1.customerId' }] });
  });
});

describe('readers', () => {
  it('are answered while writers wait for all of their connections', async () => {
    const blocker = new pg.Client({ connectionString: earshot.database.url });
    await blocker.connect();
    try {
      await blocker.query('begin');
      await blocker.query('lock table interaction in exclusive mode');
      const storm = Array.from({ length: 30 }, (_, index) => earshot.message({ customerId: `storm-${index}` }));
      await until('all connections of writers wait', async () => {
        const [row] = await earshot.database.query<{ n: number }>(
          `select count(*)::integer as n from pg_stat_activity
           where datname = current_database() and wait_event_type = 'Lock'`,
        );
        return row!.n >= 10;
      });
      const { results } = await earshot.retrieve({ query: 'modem', customerId: 'customer-0', mode: 'text' });
      expect(results).toHaveLength(3);
      expect((await tellAll(ids)).status).toBe(200);
      await blocker.query('rollback');
      for (const { status } of await Promise.all(storm)) expect(status).toBe(202);
    } finally {
      await blocker.end();
    }
  });
});
