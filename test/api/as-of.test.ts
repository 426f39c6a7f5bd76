import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startEarshot, type Retrieval, type TestEarshot } from '../support/earshot.ts';
import { holdRoute, startFakeModels, type FakeModels } from '../support/fake-models.ts';
import { until } from '../support/until.ts';

let models: FakeModels;
let earshot: TestEarshot;

beforeAll(async () => {
  models = await startFakeModels();
  earshot = await startEarshot({ models, dials: { 'erasure.second_pass_after_ms': 0 } });
});
afterAll(async () => {
  await earshot?.stop();
  await models?.stop();
});

interface PastAnswer extends Retrieval {
  readonly asOf: { at: string; indexVersion: number; model: string; erased: number; note: string } | null;
}

const ask = async (body: Record<string, unknown>) =>
  (await earshot.request<PastAnswer>('POST', '/v1/retrieve', body)).body;
const idsOf = ({ results }: Retrieval) => results.map(({ interactionId }) => interactionId);
const databaseTime = async () => {
  const [row] = await earshot.database.query<{ now: Date }>('select clock_timestamp() as now');
  return row!.now.toISOString();
};

async function remember(customerId: string, text: string): Promise<{ id: string; at: string }> {
  const { body } = await earshot.message({ customerId, text });
  await earshot.settled(body.interactionId, 'reachable');
  // Moments of the API have milliseconds, stamps have microseconds.
  await new Promise((resolve) => setTimeout(resolve, 2));
  return { id: body.interactionId, at: await databaseTime() };
}

describe('a question about the past', () => {
  it('gets what was reachable then, and the answer says of when it is', async () => {
    const first = await remember('ada', 'The router shows a red light.');
    const second = await remember('ada', 'The router shows a green light again.');
    const question = { query: 'router light', customerId: 'ada' };
    expect(idsOf(await ask(question)).toSorted()).toEqual([first.id, second.id].toSorted());
    expect((await ask(question)).asOf).toBeNull();
    const then = await ask({ ...question, asOf: first.at });
    expect(idsOf(then)).toEqual([first.id]);
    expect(then.asOf).toMatchObject({ at: first.at, indexVersion: 1, model: 'all-MiniLM-L6-v2', erased: 0 });
    // Over all customers the same.
    expect(idsOf(await ask({ query: 'router light', asOf: first.at }))).toEqual([first.id]);
    expect(await ask({ ...question, asOf: '2020-01-01T00:00:00Z' })).toMatchObject({ results: [], history: 'none' });
    await until('the question is recorded with its moment', async () => {
      const [row] = await earshot.database.query<{ filters: { asOf: string } }>(
        `select filters from retrieval where retrieval_id = '${then.retrievalId}'`,
      );
      return row?.filters.asOf === first.at;
    });
  });

  it('gets words that were there without their vector, and is told what was pending', async () => {
    const held = holdRoute(models, 'embeddings');
    const { body } = await earshot.message({ customerId: 'bob', text: 'A parcel is late.' });
    await held.arrived();
    const at = await databaseTime();
    held.release();
    await earshot.settled(body.interactionId, 'reachable');
    const then = await ask({ query: 'parcel', customerId: 'bob', asOf: at });
    expect(then.pending).toMatchObject([{ interactionId: body.interactionId, stage: 'indexing' }]);
    expect(then.results).toMatchObject([{ ranks: { text: 1, vector: null }, reachableAt: null }]);
    expect((await ask({ query: 'parcel', customerId: 'bob' })).pending).toEqual([]);
  });

  it('still gets what was superseded since', async () => {
    const old = await remember('cleo', 'The invoice was misread.');
    await earshot.database.query(`
      update chunk set active = false, withdrawn_at = clock_timestamp() where interaction_id = '${old.id}'`);
    expect(idsOf(await ask({ query: 'invoice', customerId: 'cleo' }))).toEqual([]);
    expect(idsOf(await ask({ query: 'invoice', customerId: 'cleo', asOf: old.at }))).toEqual([old.id]);
  });

  it('gets nothing of what was erased since, and is told so', async () => {
    const gone = await remember('dan', 'A secret about the garden.');
    const { body } = await earshot.request<{ erasureId: string }>('POST', '/v1/erasures', {
      customerId: 'dan',
      reason: 'asked',
    });
    await until('the rows are gone', async () => {
      const rows = await earshot.database.query(`select from interaction where interaction_id = '${gone.id}'`);
      return rows.length === 0;
    });
    expect(body.erasureId).toBeDefined();
    const then = await ask({ query: 'garden', customerId: 'dan', asOf: gone.at });
    expect(then.results).toEqual([]);
    expect(then.asOf).toMatchObject({ erased: 1 });
    expect(then.asOf?.note).toContain('1 record was erased on request since');
    // Another customer's answer does not tell of it.
    expect((await ask({ query: 'router', customerId: 'ada', asOf: gone.at })).asOf?.erased).toBe(0);
  });

  it('is refused when the moment is to come', async () => {
    const answer = await earshot.request<{ errors: { field: string }[] }>('POST', '/v1/retrieve', {
      query: 'anything',
      asOf: new Date(Date.now() + 60_000).toISOString(),
    });
    expect(answer.status).toBe(400);
    expect(answer.body.errors[0]?.field).toBe('asOf');
  });

  it('is searched by the model of then, and by words once its vectors are dropped', async () => {
    const old = await remember('eve', 'The keyboard has no umlauts.');
    await earshot.database.query(`
      update index_version set state = 'retired' where index_version = 1;
      insert into index_version (model, dimensions, state, prepared_at) values ('later-model', 384, 'live', now());
      create table embedding_v2 partition of embedding for values in (2);
      grant select on embedding_v2 to earshot_app, earshot_reader;
      update index_version_period set live_to = clock_timestamp() where index_version = 1;
      insert into index_version_period (index_version, live_from) values (2, clock_timestamp());`);
    const question = { query: 'keyboard umlauts', customerId: 'eve' };
    const now = await ask(question);
    expect(now.results).toMatchObject([{ models: { embedding: 'later-model@v2' }, ranks: { vector: null } }]);
    const then = await ask({ ...question, asOf: old.at });
    expect(then.results).toMatchObject([
      { models: { embedding: 'all-MiniLM-L6-v2@v1' }, ranks: { text: 1, vector: 1 } },
    ]);
    expect(then.asOf).toMatchObject({ indexVersion: 1, model: 'all-MiniLM-L6-v2' });

    // Dropped while the model is asked: the answer says by what it was found, not by what it was to be.
    const held = holdRoute(models, 'embeddings');
    const caught = ask({ query: 'umlauts of a keyboard', customerId: 'eve', asOf: old.at });
    await held.arrived();
    await earshot.database.query(`
      drop table embedding_v1;
      update index_version set state = 'dropped' where index_version = 1`);
    held.release();
    expect(await caught).toMatchObject({ degraded: ['vector'], results: [{ interactionId: old.id }] });
    expect((await caught).asOf?.note).toContain('vectors of index version 1 were dropped');
    for (const scope of [{ customerId: 'eve' }, {}]) {
      const late = await ask({ query: 'keyboard umlauts', ...scope, asOf: old.at });
      expect(late.degraded).toEqual(['vector']);
      expect(late.results).toMatchObject([{ interactionId: old.id, ranks: { vector: null } }]);
      expect(late.asOf?.note).toContain('vectors of index version 1 were dropped');
    }
    const refused = await earshot.request('POST', '/v1/retrieve', { ...question, mode: 'vector', asOf: old.at });
    expect(refused.status).toBe(400);
  });

  it('is explained by the index version that answered it, and what a dropped one had found is called unknown', async () => {
    const explain = async (body: Record<string, unknown>) =>
      (
        await earshot.request<{
          indexVersion: number;
          vectorsDropped: boolean;
          question: { degraded: string[] } | null;
          records: { verdict: string; details: Record<string, unknown>; sentence: string }[];
        }>('POST', '/v1/explain', { customerId: 'eve', ...body })
      ).body;
    const [old] = await earshot.database.query<{ retrieval_id: string; at: Date }>(`
      select retrieval_id, (filters ->> 'asOf')::timestamptz as at from retrieval
      where index_version = 1 and degraded = '{}' and filters ->> 'asOf' is not null order by asked_at desc limit 1`);
    // Whether a record was found by a vector that is gone, nothing tells; that it was in the answer, the record does.
    const unknown = await explain({ asOf: old!.at.toISOString() });
    expect(unknown).toMatchObject({ indexVersion: 1, vectorsDropped: true });
    expect(unknown.records).toMatchObject([{ verdict: 'version_dropped', details: { indexVersion: 1 } }]);
    expect(unknown.records[0]!.sentence).toContain('vectors of index version 1');
    const tried = await explain({ asOf: old!.at.toISOString(), query: 'something else' });
    expect(tried).toMatchObject({ question: { degraded: ['vector'] }, records: [{ verdict: 'version_dropped' }] });
    const byWords = await explain({ asOf: old!.at.toISOString(), query: 'something else', mode: 'text' });
    expect(byWords.records).toMatchObject([{ verdict: 'ranked', details: { textRank: null } }]);
    expect((await explain({ retrievalId: old!.retrieval_id })).records).toMatchObject([{ verdict: 'shown' }]);

    // An answer that was under way when another version went live is told of by its own, not by the clock.
    await earshot.database.query(`
      update index_version_period set live_from = case index_version when 2 then timestamptz '2000-01-01' else now() end`);
    expect(await explain({ asOf: old!.at.toISOString() })).toMatchObject({ indexVersion: 2, vectorsDropped: false });
    expect(await explain({ retrievalId: old!.retrieval_id })).toMatchObject({ indexVersion: 1, vectorsDropped: true });
  });
});
