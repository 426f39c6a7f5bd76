import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { startEarshot, type TestEarshot } from '../support/earshot.ts';
import { startFakeModels, type FakeModels } from '../support/fake-models.ts';
import { until } from '../support/until.ts';

let models: FakeModels;
let earshot: TestEarshot;

beforeAll(async () => {
  models = await startFakeModels();
  earshot = await startEarshot({ models });
});
afterAll(async () => {
  await earshot?.stop();
  await models?.stop();
});
beforeEach(() => {
  models.heal();
  models.hold = undefined;
  models.calls.length = 0;
});

async function historyOf(workflowId: string) {
  const history = await earshot.temporal.getHandle(workflowId).fetchHistory();
  return history.events ?? [];
}

describe('a chat message', () => {
  it('is reachable by text at its 202 and by vector soon after, with all stages measured', async () => {
    models.hold = new Promise((resolve) => setImmediate(resolve));
    const { status, body } = await earshot.message({ conversationId: 'lone', text: 'the zebra invoice is missing' });
    expect(status).toBe(202);
    const byText = await earshot.retrieve({ query: 'zebra', customerId: 'customer-1', mode: 'text' });
    expect(byText.results[0]?.interactionId).toBe(body.interactionId);
    const { freshness } = await earshot.settled(body.interactionId, 'reachable');
    const { ingestMs, streamMs, transformMs, indexMs, totalMs } = freshness;
    expect([ingestMs, streamMs, transformMs, indexMs].every((ms) => typeof ms === 'number')).toBe(true);
    expect(ingestMs! + streamMs! + transformMs! + indexMs!).toBe(totalMs);
  });

  it('costs at most 6 history events when it comes alone', async () => {
    const { body } = await earshot.message({ conversationId: 'events' });
    await earshot.settled(body.interactionId, 'reachable');
    await until(
      'the run has closed',
      async () => (await earshot.temporal.getHandle(body.workflowId).describe()).status.name === 'COMPLETED',
    );
    expect((await historyOf(body.workflowId)).length).toBeLessThanOrEqual(6);
  });

  it('shares a batch with those that arrive meanwhile: at most 4 events a message in a burst', async () => {
    const held = Promise.withResolvers<void>();
    models.hold = held.promise;
    const first = await earshot.message({ conversationId: 'burst' });
    await until('the first is being embedded', () => models.calls.length > 0);
    const rest = await Promise.all(Array.from({ length: 29 }, () => earshot.message({ conversationId: 'burst' })));
    held.resolve();
    for (const { body } of [first, ...rest]) await earshot.settled(body.interactionId, 'reachable');
    await until(
      'the run has closed',
      async () => (await earshot.temporal.getHandle(first.body.workflowId).describe()).status.name === 'COMPLETED',
    );
    expect((await historyOf(first.body.workflowId)).length / 30).toBeLessThanOrEqual(4);
    expect(models.calls.filter(({ route }) => route === 'embeddings').length).toBeLessThanOrEqual(4);
  });

  it('asks the endpoint for floats, or the client would turn them into zeros', async () => {
    const { body } = await earshot.message({ text: 'floats please' });
    await earshot.settled(body.interactionId, 'reachable');
    expect(models.calls.find(({ route }) => route === 'embeddings')?.encodingFormat).toBe('float');
  });

  it.each([
    ['429 with Retry-After', { kind: 'status', status: 429, retryAfter: '1' }],
    ['503', { kind: 'status', status: 503 }],
    ['a reset connection', { kind: 'reset' }],
    ['HTML with status 200', { kind: 'body', body: '<html>hello</html>', type: 'text/html' }],
    ['truncated JSON', { kind: 'body', body: '{"data":[{"index":0' }],
    ['an empty list', { kind: 'body', body: '{"data":[]}' }],
    ['a zero vector', { kind: 'body', body: JSON.stringify({ data: [{ index: 0, embedding: Array(384).fill(0) }] }) }],
    [
      'too few dimensions',
      { kind: 'body', body: JSON.stringify({ data: [{ index: 0, embedding: Array(96).fill(0.1) }] }) },
    ],
    [
      'null for a number',
      { kind: 'body', body: JSON.stringify({ data: [{ index: 0, embedding: Array(384).fill(null) }] }) },
    ],
  ] as const)('is reachable after the model first answers with %s, which is never stored', async (_name, fault) => {
    models.fail('embeddings', fault);
    const { body } = await earshot.message({ conversationId: `fault ${_name}`, text: `fault ${_name}` });
    await earshot.settled(body.interactionId, 'reachable');
    expect(models.calls.filter(({ route }) => route === 'embeddings')).toHaveLength(2);
    const [row] = await earshot.database.query<{ norm: number }>(
      'select vector_norm(e.embedding)::float8 as norm from embedding e join chunk c using (tenant, chunk_id) where c.interaction_id = $1',
      [body.interactionId],
    );
    expect(row?.norm).toBeCloseTo(1, 3);
  });

  it('fails alone when the model refuses its text, and the rest of the batch is indexed', async () => {
    const held = Promise.withResolvers<void>();
    models.hold = held.promise;
    const first = await earshot.message({ conversationId: 'poison' });
    await until('the first is being embedded', () => models.calls.length > 0);
    const bad = await earshot.message({ conversationId: 'poison', text: 'poisonous words' });
    const good = await earshot.message({ conversationId: 'poison', text: 'harmless words' });
    models.fail(
      'embeddings',
      { kind: 'change', change: (answer) => answer },
      { kind: 'status', status: 400 },
      { kind: 'status', status: 400 },
    );
    held.resolve();
    await earshot.settled(first.body.interactionId, 'reachable');
    expect(await earshot.settled(bad.body.interactionId, 'failed')).toMatchObject({ reason: 'model_rejected' });
    await earshot.settled(good.body.interactionId, 'reachable');
  });

  it('is not paid for twice when storing its vector fails', async () => {
    await earshot.database.query('alter table embedding_v1 add constraint refuse_all check (false) not valid');
    const { body } = await earshot.message({ conversationId: 'paid-once', text: 'an expensive sentence' });
    await until(
      'storing was tried three times',
      async () => ((await earshot.logs()).match(/store_embeddings failed/g) ?? []).length >= 3,
    );
    await earshot.database.query('alter table embedding_v1 drop constraint refuse_all');
    await earshot.settled(body.interactionId, 'reachable');
    expect(models.calls.filter(({ inputs }) => inputs.includes('an expensive sentence'))).toHaveLength(1);
  });
});
