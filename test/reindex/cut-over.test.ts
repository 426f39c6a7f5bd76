import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startEarshot, type TestEarshot } from '../support/earshot.ts';
import { fakeVector, startFakeModels, type FakeModels } from '../support/fake-models.ts';
import { buildVersion, findVersion, partitions, ready, requestReindex, tell } from '../support/reindexes.ts';
import { until } from '../support/until.ts';

let models: FakeModels;
let earshot: TestEarshot;

beforeAll(async () => {
  models = await startFakeModels();
  earshot = await startEarshot({ models });
  await Promise.all(Array.from({ length: 30 }, (_, count) => remember(`parcel ${count} from town ${count % 7}`)));
});
afterAll(async () => {
  await earshot?.stop();
  await models?.stop();
});

async function remember(text: string): Promise<string> {
  const { body } = await earshot.message({ text });
  await earshot.settled(body.interactionId, 'reachable');
  return body.interactionId;
}

/** The model of the query, and of what was found. */
async function modelsOfAnswer(query: string) {
  const before = models.calls.length;
  const { results, degraded } = await earshot.retrieve({ query, mode: 'vector' });
  return {
    asked: models.calls.slice(before).map(({ model }) => model),
    found: results[0]?.models['embedding'],
    degraded,
  };
}

describe('a new index version', () => {
  it('is refused at once for a model that the endpoint does not have, or of other dimensions', async () => {
    const wrong = await requestReindex(earshot, { embeddingModel: 'fake-512', dimensions: 500 });
    expect([wrong.status, wrong.body.errors?.[0]?.field]).toEqual([400, 'dimensions']);
    models.fail('embeddings', { kind: 'status', status: 404 });
    const unknown = await requestReindex(earshot, { embeddingModel: 'nobody', dimensions: 512 });
    expect([unknown.status, unknown.body.errors?.[0]?.field]).toEqual([400, 'embeddingModel']);
    const large = await requestReindex(earshot, { embeddingModel: 'm', dimensions: 2_500, storage: 'vector' });
    expect([large.status, large.body.errors?.[0]?.field]).toEqual([400, 'dimensions']);
    expect(await partitions(earshot)).toEqual(['embedding_v1']);
  });

  it('is built beside the live one, measured, switched to, gone back from and dropped', async () => {
    const { version, evidence } = await buildVersion(earshot, 768);
    expect(evidence).toMatchObject({
      parity: { chat: { chunks: { expected: 30, present: 30 }, records: { expected: 30, present: 30 } } },
      recall: 1,
      canaries: 1,
      failures: 0,
    });
    expect(evidence!.overlap).toBeGreaterThan(0.3);
    expect((await findVersion(earshot, version)).storage).toBe('halfvec');
    expect(await modelsOfAnswer('town number seven')).toMatchObject({
      found: expect.stringContaining('@v1') as string,
    });

    // A model that does not answer holds up no live text; the run that keeps the version writes it later.
    models.down = 'fake-768';
    const written = await remember('a letter that came while it was built');
    models.down = undefined;
    const activated = await tell(earshot, version, 'activate');
    expect([activated.status, activated.body.state]).toEqual([200, 'live']);
    expect(await modelsOfAnswer('letter of a query')).toEqual({
      asked: ['fake-768'],
      found: `fake-768@v${version}`,
      degraded: [],
    });
    const { results } = await earshot.retrieve({
      query: 'a letter that came while it was built',
      mode: 'vector',
      k: 1,
    });
    expect(results[0]?.interactionId).toBe(written);

    const later = await remember('a postcard of the new time');
    const back = await tell(earshot, 1, 'activate');
    expect([back.status, back.body.state]).toEqual([200, 'live']);
    const found = await earshot.retrieve({ query: 'a postcard of the new time', mode: 'vector', k: 1 });
    expect(found.results[0]).toMatchObject({
      interactionId: later,
      models: { embedding: expect.stringMatching(/@v1$/) as string },
    });

    // The time in which one can go back is over.
    await earshot.database.query(`update index_version set drop_after = now() where state = 'retired'`);
    await earshot.temporal.getHandle(`reindex/${version}`).signal('resume');
    await until('it is gone', async () => (await findVersion(earshot, version)).removedAt !== null);
    expect(await partitions(earshot)).toEqual(['embedding_v1']);
  });

  it('does not go live below its bounds, and says by which figures', async () => {
    const { version } = await buildVersion(earshot, 64);
    await earshot.request('PUT', '/v1/dials/reindex.min_overlap', { value: 1 });
    await earshot.database.query(
      `update embedding_v${version} set embedding = (select embedding from embedding_v${version} limit 1)`,
    );
    const { status, body } = await tell(earshot, version, 'activate');
    expect([status, body.type]).toEqual([409, 'urn:earshot:evidence_too_low']);
    expect(body.details?.shortfalls?.map(({ figure }) => figure)).toContain('overlap');
    expect(body.details?.evidence).toMatchObject({ k: 10 });
    expect((await findVersion(earshot, 1)).state).toBe('live');
    await tell(earshot, version, 'cancel');
    await earshot.request('PUT', '/v1/dials/reindex.min_overlap', { value: 0.3 });
  });

  it('of the same model has vectors that were made anew, and its index can be built anew', async () => {
    const text = 'parcel 3 from town 3';
    const wrong = `[${fakeVector('wrong').join(',')}]`;
    await earshot.database.query('update embedding_v1 set embedding = $1::vector', [wrong]);
    const body = { embeddingModel: earshot.env['EMBEDDING_MODEL'], dimensions: 384 };
    await earshot.request('PUT', '/v1/dials/reindex.min_overlap', { value: 0 });
    const before = models.calls.length;
    const { version } = (await requestReindex(earshot, body)).body;
    await ready(earshot, version);
    expect(models.calls.slice(before).flatMap(({ inputs }) => inputs)).toContain(text);
    expect((await tell(earshot, version, 'activate')).status).toBe(200);
    const [row] = await earshot.database.query<{ distance: number; wrong: number }>(
      `select embedding <=> $2::vector as distance,
         (select count(*)::integer from embedding_v${version} where embedding <=> $1::vector < 0.01) as wrong
       from embedding_v${version} join chunk using (tenant, chunk_id) where text = $3`,
      [wrong, `[${fakeVector(text).join(',')}]`, text],
    );
    expect(row!.wrong).toBe(0);
    expect(row!.distance).toBeLessThan(0.001);
    expect((await earshot.retrieve({ query: text, mode: 'vector', k: 1 })).results[0]?.models).toMatchObject({
      embedding: `${earshot.env['EMBEDDING_MODEL']}@v${version}`,
    });
    expect((await tell(earshot, version, 'rebuild')).status).toBe(202);
    const { rebuild } = await until('it is rebuilt', async () => {
      const found = await findVersion(earshot, version);
      return found.rebuild !== null && found;
    });
    expect(rebuild).toMatchObject({ recallBefore: 1, recallAfter: 1 });
    models.poison = 'broken';
    const broken = await earshot.message({ text: 'a broken text' });
    await earshot.settled(broken.body.interactionId, 'failed');
    models.poison = undefined;
    const refused = await requestReindex(earshot, body);
    expect([refused.status, refused.body.details?.retired?.version]).toEqual([409, 1]);
    expect(refused.body.details?.records).toMatchObject([
      { interactionId: broken.body.interactionId, state: 'failed', reason: 'model_rejected' },
    ]);
    expect((await tell(earshot, 1, 'activate')).body.type).toBe('urn:earshot:evidence_too_low');
  });

  it('that is cancelled leaves nothing, and another can be asked for at once', async () => {
    const [live] = await earshot.database.query<{ index_version: number }>(
      `select index_version from index_version where state = 'live'`,
    );
    await earshot.request('PUT', '/v1/dials/reindex.max_chunks_per_second', { value: 1 });
    // Of a version that nobody wrote down.
    await earshot.database.query('create table embedding_v99 partition of embedding for values in (99)');
    const body = { embeddingModel: 'fake-512', dimensions: 512, acknowledge: true };
    const { version } = (await requestReindex(earshot, body)).body;
    await until('it embeds', async () => (await findVersion(earshot, version)).progress.step === 'embedding');
    expect((await requestReindex(earshot, body)).body.type).toBe('urn:earshot:wrong_state');
    expect((await tell(earshot, version, 'activate')).body.type).toBe('urn:earshot:wrong_state');
    expect((await tell(earshot, version, 'cancel')).body.state).toBe('dropped');
    await earshot.request('PUT', '/v1/dials/reindex.max_chunks_per_second', { value: 0 });
    const second = (await requestReindex(earshot, body)).body.version;
    await ready(earshot, second);
    await until('the first is gone', async () => (await findVersion(earshot, version)).removedAt !== null);
    expect(await partitions(earshot)).toEqual([`embedding_v${live!.index_version}`, `embedding_v${second}`].sort());
    await tell(earshot, second, 'cancel');
  });
});
