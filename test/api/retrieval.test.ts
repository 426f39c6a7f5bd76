import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startEarshot, type TestEarshot } from '../support/earshot.ts';
import { startFakeModels, type FakeModels } from '../support/fake-models.ts';
import { tone } from '../support/sound.ts';

let models: FakeModels;
let earshot: TestEarshot;
const ids: Record<string, string> = {};

async function say(name: string, text: string, fields: object = {}): Promise<void> {
  const { body } = await earshot.message({ messageId: name, customerId: 'ada', text, ...fields });
  ids[name] = body.interactionId;
}

beforeAll(async () => {
  models = await startFakeModels();
  earshot = await startEarshot({ models });
  await say('old', 'the invoice for march is wrong', { sentAt: '2026-01-01T10:00:00Z' });
  await say('new', 'the invoice for march is wrong', { sentAt: '2026-06-01T10:00:00Z' });
  await say('code', 'it shows ERR-5519 when I pay');
  await say('other customer', 'the invoice for april is wrong', { customerId: 'bob', conversationId: 'bobs' });
  const metadata = { callId: 'call', customerId: 'ada', startedAt: '2026-03-01T10:00:00Z' };
  ids['call'] = (await earshot.upload('/v1/calls', 'audio', tone(2), metadata)).body.interactionId;
  for (const id of Object.values(ids)) await earshot.settled(id, 'reachable');
});
afterAll(async () => {
  await earshot?.stop();
  await models?.stop();
});

const found = async (body: Record<string, unknown>) =>
  (await earshot.retrieve(body)).results.map(({ interactionId }) =>
    Object.keys(ids).find((name) => ids[name] === interactionId),
  );

describe('retrieval', () => {
  it('finds by words, by meaning and by an exact code, and fuses both', async () => {
    expect((await found({ query: 'ERR-5519', customerId: 'ada' }))[0]).toBe('code');
    const { results } = await earshot.retrieve({ query: 'invoice march', customerId: 'ada' });
    expect(results[0]?.ranks).toEqual({ text: 1, vector: 1 });
    expect(await found({ query: 'parcel replacement', customerId: 'ada', mode: 'vector', k: 1 })).toEqual(['call']);
  });

  it('puts the newer of near-ties first', async () => {
    expect((await found({ query: 'invoice march wrong', customerId: 'ada' })).slice(0, 2)).toEqual(['new', 'old']);
  });

  it('keeps to the customer, and without one asks all', async () => {
    expect(await found({ query: 'invoice april', customerId: 'ada' })).not.toContain('other customer');
    expect(await found({ query: 'invoice april' })).toContain('other customer');
  });

  it('filters by modality, time and confidence, scoped and unscoped', async () => {
    for (const scope of [{ customerId: 'ada' }, {}]) {
      expect(new Set(await found({ query: 'invoice parcel', modalities: ['audio'], ...scope }))).toEqual(
        new Set(['call']),
      );
      const inSpring = { from: '2026-05-01T00:00:00Z', to: '2026-07-01T00:00:00Z' };
      expect(await found({ query: 'invoice march', ...inSpring, ...scope })).toEqual(['new']);
      expect(await found({ query: 'parcel', minConfidence: 0.95, ...scope })).not.toContain('call');
    }
  });

  it('tells of each hit where it is from, how sure and how fresh it is', async () => {
    const [hit] = (await earshot.retrieve({ query: 'ERR-5519', customerId: 'ada' })).results;
    expect(hit).toMatchObject({
      modality: 'chat',
      customerId: 'ada',
      conversationId: 'conversation-of-ada',
      place: { kind: 'message' },
      confidence: 1,
      models: { embedding: 'all-MiniLM-L6-v2@v1', message: 'typed@1' },
    });
    expect(Object.values(hit!.freshness).every((ms) => typeof ms === 'number')).toBe(true);
  });

  it('says of a customer without history that there is none', async () => {
    expect(await earshot.retrieve({ query: 'anything', customerId: 'nobody' })).toMatchObject({
      results: [],
      history: 'none',
      pending: [],
      newestEventTime: null,
    });
  });

  it('answers by words alone when the model is away, and says so; by vectors alone it cannot', async () => {
    models.failAlways('embeddings', { kind: 'status', status: 500 });
    const { results, degraded } = await earshot.retrieve({ query: 'ERR-5519 again', customerId: 'ada' });
    expect(degraded).toEqual(['vector']);
    expect(results[0]?.interactionId).toBe(ids['code']);
    const answer = await earshot.request('POST', '/v1/retrieve', { query: 'never asked', mode: 'vector' });
    expect(answer.status).toBe(503);
    expect(answer.headers.get('retry-after')).not.toBeNull();
    models.heal();
  });

  it('walks from a chunk to the raw record and to its vector, naming models and run', async () => {
    const [hit] = (await earshot.retrieve({ query: 'parcel replacement', customerId: 'ada', modalities: ['audio'] }))
      .results;
    const { body } = await earshot.request<{ nodes: { kind: string }[]; edges: Record<string, unknown>[] }>(
      'GET',
      `/v1/chunks/${hit!.chunkId}/lineage`,
    );
    expect(body.nodes.map(({ kind }) => kind)).toEqual(['raw', 'artifact', 'chunk', 'embedding']);
    expect(body.edges[0]).toMatchObject({ activity: 'transcribePiece', model: 'whisper-tiny.en', codeVersion: 'dev' });
    expect(body.edges[0]?.['workflowId']).toMatch(/^call\//);
    expect(body.edges[0]?.['runId']).not.toBeNull();
  });

  it('remembers what each query got back', async () => {
    const { retrievalId, results } = await earshot.retrieve({ query: 'ERR-5519', customerId: 'ada' });
    const { until } = await import('../support/until.ts');
    const recorded = await until('the retrieval is recorded', async () => {
      const answer = await earshot.request<{ query: string; hits: { chunkId: string }[] }>(
        'GET',
        `/v1/retrievals/${retrievalId}`,
      );
      return answer.status === 200 && answer.body;
    });
    expect(recorded.query).toBe('ERR-5519');
    expect(recorded.hits.map(({ chunkId }) => chunkId)).toEqual(results.map(({ chunkId }) => chunkId));
  });

  it('reports freshness by modality and stage, of what did not come late, as a recount in SQL confirms', async () => {
    const { body } = await earshot.request<{
      modalities: { modality: string; count: number; total: { p50: number } | null }[];
    }>('GET', '/v1/freshness?window=1h');
    const recount = await earshot.database.query<{ modality: string; count: number; p50: number | null }>(`
      select modality, count(*)::integer as count,
        percentile_cont(0.5) within group (order by extract(epoch from reachable_at - captured_at) * 1000)
          filter (where accepted_at - captured_at <= interval '15 minutes') as p50
      from freshness where state = 'reachable' group by modality order by modality`);
    expect(body.modalities.map(({ modality, count }) => ({ modality, count }))).toEqual(
      recount.map(({ modality, count }) => ({ modality, count })),
    );
    body.modalities.forEach(({ total }, index) => {
      const { p50 } = recount[index]!;
      if (p50 === null || total === null) expect(total).toEqual(p50);
      else expect(total.p50).toBeCloseTo(p50, 0);
    });
  });
});
