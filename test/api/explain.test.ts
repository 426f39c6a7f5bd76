import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { startEarshot, type TestEarshot } from '../support/earshot.ts';
import { holdRoute, startFakeModels, type FakeModels } from '../support/fake-models.ts';
import { tone } from '../support/sound.ts';
import { until } from '../support/until.ts';

let models: FakeModels;
let earshot: TestEarshot;

beforeAll(async () => {
  models = await startFakeModels();
  earshot = await startEarshot({ models, dials: { 'sweep.stuck_after_ms': 3_600_000, 'chat.batch_window_ms': 0 } });
});
afterAll(async () => {
  await earshot?.stop();
  await models?.stop();
});
beforeEach(() => models.heal());

interface Explained {
  readonly interactionId: string;
  readonly verdict: string;
  readonly details: Record<string, unknown>;
  readonly sentence: string;
  readonly stages: Record<string, number | null>;
}
interface Explanation {
  readonly verdict: string;
  readonly sentence: string;
  readonly records: Explained[];
  readonly erasedSince: number | null;
}

const explain = async (body: Record<string, unknown>) =>
  (await earshot.request<Explanation>('POST', '/v1/explain', body)).body;
const minuteAgo = () => new Date(Date.now() - 60_000).toISOString();

async function reachable(customerId: string, text: string): Promise<string> {
  const { body } = await earshot.message({ customerId, text, sentAt: minuteAgo(), conversationId: text });
  await earshot.settled(body.interactionId, 'reachable');
  return body.interactionId;
}

async function call(customerId: string): Promise<string> {
  const metadata = { callId: `call-of-${customerId}`, customerId, startedAt: minuteAgo() };
  return (await earshot.upload('/v1/calls', 'audio', tone(3), metadata)).body.interactionId;
}

describe('why the copilot did not know of one record', () => {
  it('never captured: found by the names that the channel gave it', async () => {
    const id = await reachable('ann', 'hello there');
    const record = { conversationId: 'hello there', messageId: 'never sent' };
    expect(await explain({ customerId: 'ann', record })).toMatchObject({
      verdict: 'not_captured',
      records: [{ details: { ofAnotherCustomer: false } }],
    });
    expect(await explain({ customerId: 'ann', interactionId: id })).toMatchObject({ verdict: 'reachable' });
    expect(await explain({ customerId: 'another', interactionId: id })).toMatchObject({
      verdict: 'not_captured',
      records: [{ details: { ofAnotherCustomer: true } }],
    });
    expect(await explain({ customerId: 'nobody' })).toMatchObject({ verdict: 'not_captured', records: [] });
  });

  it('in the log while the model is away, then behind its budget', async () => {
    const held = holdRoute(models, 'transcriptions');
    const id = await call('bea');
    await held.arrived();
    const record = { callId: 'call-of-bea' };
    const waiting = await explain({ customerId: 'bea', record, query: 'parcel' });
    expect(waiting.records).toMatchObject([
      {
        interactionId: id,
        verdict: 'in_the_log',
        details: { stage: 'recognising', queue: 'audio', progress: { done: 0, total: 1 } },
      },
    ]);
    await earshot.database.query(
      `update freshness set accepted_at = now() - interval '1 hour' where interaction_id = '${id}'`,
    );
    const late = await explain({ customerId: 'bea', record });
    expect(late).toMatchObject({ verdict: 'behind', records: [{ details: { budgetMs: 180_000, queue: 'audio' } }] });
    held.release();
    await earshot.settled(id, 'reachable');
    expect(await explain({ customerId: 'bea', record, query: 'parcel' })).toMatchObject({ verdict: 'shown' });
  });

  it('processed and not indexed, or indexed and not reachable', async () => {
    const id = await reachable('cam', 'The zebra printer jams.');
    const ask = { customerId: 'cam', interactionId: id };
    const chunks = `select chunk_id from chunk where interaction_id = '${id}'`;
    expect(await explain(ask)).toMatchObject({ verdict: 'reachable' });

    await earshot.database.query(`update embedding set reachable_at = null where chunk_id in (${chunks})`);
    expect(await explain(ask)).toMatchObject({
      verdict: 'indexed_not_reachable',
      records: [{ details: { chunks: 1, vectors: 1, returned: 0, reach: { index: true, words: true } } }],
    });
    await earshot.database.query(`delete from embedding where chunk_id in (${chunks})`);
    expect(await explain(ask)).toMatchObject({
      verdict: 'processed_not_indexed',
      records: [{ details: { chunks: 1, vectors: 0 } }],
    });
    // Words still find it, and it says so.
    expect(await explain({ ...ask, query: 'zebra' })).toMatchObject({ verdict: 'shown' });
    await earshot.database.query(`update chunk set active = false where interaction_id = '${id}'`);
    expect(await explain({ ...ask, query: 'zebra' })).toMatchObject({ verdict: 'indexed_not_reachable' });
    await earshot.database.query(`update chunk set withdrawn_at = now() where interaction_id = '${id}'`);
    expect(await explain({ ...ask, query: 'zebra' })).toMatchObject({ verdict: 'superseded' });
  });

  it('quarantined by which check, or failed with which error', async () => {
    const transcript = models.transcript;
    models.transcript = '';
    const silent = await call('dee');
    await earshot.settled(silent, 'quarantined');
    models.transcript = transcript;
    expect(await explain({ customerId: 'dee', interactionId: silent })).toMatchObject({
      verdict: 'quarantined',
      records: [{ details: { check: 'empty_transcript' } }],
    });
    models.failAlways('transcriptions', { kind: 'status', status: 422 });
    const broken = await call('eli');
    await earshot.settled(broken, 'failed');
    const { verdict, sentence } = await explain({ customerId: 'eli', interactionId: broken });
    expect(verdict).toBe('failed');
    expect(sentence).toContain('the endpoint answered 422');
  });

  it('ranked fourteenth, with its ranks in words and in vectors', async () => {
    const wanted = await reachable('fay', 'The light of the hall.');
    await Promise.all(
      Array.from({ length: 13 }, (_, n) => reachable('fay', `The red router blinks its light, take ${n}.`)),
    );
    const query = 'red router blinks light';
    expect(await explain({ customerId: 'fay', interactionId: wanted, query })).toMatchObject({
      verdict: 'ranked',
      records: [{ details: { rank: 14, of: 14, k: 8, textRank: 14, vectorRank: 14 } }],
    });
    // As the answer itself has it.
    const { results } = await earshot.retrieve({ query, customerId: 'fay', k: 50 });
    expect(results.findIndex(({ interactionId }) => interactionId === wanted)).toBe(13);
    const all = await explain({ customerId: 'fay', query });
    expect(all.records.filter(({ verdict }) => verdict === 'shown')).toHaveLength(8);
  });

  it('hidden by the filters of the question', async () => {
    const id = await reachable('gus', 'A message about tulips.');
    const ask = { customerId: 'gus', interactionId: id, query: 'tulips' };
    expect(await explain(ask)).toMatchObject({ verdict: 'shown' });
    const hidden = await explain({ ...ask, modalities: ['audio'], from: new Date().toISOString() });
    expect(hidden).toMatchObject({ verdict: 'filtered', records: [{ details: { filters: ['modalities', 'from'] } }] });
  });

  it('redacted, without repeating the value', async () => {
    const id = await reachable('hal', 'My card is 4111 1111 1111 1111, thank you.');
    const answer = await explain({ customerId: 'hal', interactionId: id, query: '4111 1111 1111 1111' });
    expect(answer).toMatchObject({ verdict: 'redacted', records: [{ details: { types: ['card'] } }] });
    expect(JSON.stringify(answer)).not.toContain('4111');
  });

  it('erased, by which erasure', async () => {
    const id = await reachable('ivy', 'To be forgotten.');
    const { body } = await earshot.request<{ erasureId: string }>('POST', '/v1/erasures', {
      customerId: 'ivy',
      reason: 'asked',
    });
    const answer = await until('it is erased', async () => {
      const now = await explain({ customerId: 'ivy', interactionId: id });
      return now.records[0]?.details['erasureId'] !== undefined && now;
    });
    expect(answer).toMatchObject({ verdict: 'erased', records: [{ details: { erasureId: body.erasureId } }] });
  });
});

describe('the records of a customer', () => {
  it('are listed with the stage of each, newest first, page by page, and summed up', async () => {
    const first = await reachable('leo', 'The first of two.');
    const held = holdRoute(models, 'embeddings');
    const { body } = await earshot.message({ customerId: 'leo', text: 'The second waits.' });
    await held.arrived();
    interface Records {
      records: { interactionId: string; state: string; stage: string; stages: { totalMs: number | null } }[];
      nextCursor: string | null;
      corpus: { records: number; waiting: number; lastCapturedAt: string; lastReachableAt: string };
    }
    const list = async (query = '') =>
      (await earshot.request<Records>('GET', `/v1/customers/leo/records?${query}`)).body;
    const { records, corpus } = await list();
    expect(records).toMatchObject([
      { interactionId: body.interactionId, stage: 'indexing', stages: { totalMs: null } },
      { interactionId: first, state: 'reachable', stage: 'done' },
    ]);
    expect(corpus).toMatchObject({ records: 2, waiting: 1 });
    expect(corpus.lastCapturedAt > corpus.lastReachableAt).toBe(true);
    const page = await list('limit=1');
    expect([...page.records, ...(await list(`limit=1&cursor=${page.nextCursor}`)).records]).toEqual(records);
    const forged = await earshot.request('GET', '/v1/customers/leo/records?cursor=forged');
    expect(forged.status).toBe(400);
    held.release();
    await earshot.settled(body.interactionId, 'reachable');
  });
});

describe('why an answer of the past did not know', () => {
  const recorded = async (body: Record<string, unknown>) => {
    const { retrievalId } = await earshot.retrieve(body);
    await until('the answer is recorded', async () => {
      const { status } = await earshot.request('GET', `/v1/retrievals/${retrievalId}`);
      return status === 200;
    });
    return retrievalId;
  };

  it('tells of each record whether it was shown, ranked beyond, or came later', async () => {
    const first = await reachable('jan', 'The dishwasher leaks.');
    const second = await reachable('jan', 'A dishwasher from last year.');
    const retrievalId = await recorded({ query: 'dishwasher leaks', customerId: 'jan', k: 1 });
    const third = await reachable('jan', 'The dishwasher leaks again.');
    const { records } = await explain({ customerId: 'jan', retrievalId });
    expect(Object.fromEntries(records.map(({ interactionId, verdict }) => [interactionId, verdict]))).toEqual({
      [first]: 'shown',
      [second]: 'ranked',
      [third]: 'reachable_later',
    });
    expect(records.find(({ interactionId }) => interactionId === second)?.details).toMatchObject({ rank: 2, k: 1 });
    expect(records.find(({ interactionId }) => interactionId === third)?.details['stageThen']).toBe('not captured');
  });

  it('knows when it asked about another customer, or about all', async () => {
    const id = await reachable('kim', 'The kettle whistles.');
    const other = await recorded({ query: 'kettle', customerId: 'jan' });
    expect(await explain({ customerId: 'kim', retrievalId: other, interactionId: id })).toMatchObject({
      verdict: 'filtered',
      records: [{ details: { filters: ['customerId'] } }],
    });
    const all = await recorded({ query: 'the kettle whistles', k: 1 });
    expect(await explain({ customerId: 'kim', retrievalId: all })).toMatchObject({ verdict: 'shown' });
    const words = { retrievalId: await recorded({ query: 'dishwasher', k: 1 }), query: 'dishwasher' };
    expect(await explain({ customerId: 'kim', ...words })).toMatchObject({ verdict: 'ranked' });
  });

  it('is not found when it was never given', async () => {
    const retrievalId = '00000000-0000-8000-8000-000000000000';
    expect((await earshot.request('POST', '/v1/explain', { customerId: 'jan', retrievalId })).status).toBe(404);
  });
});
