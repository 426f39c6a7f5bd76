import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { startEarshot, type TestEarshot } from '../support/earshot.ts';
import { startFakeModels, type FakeModels, type ModelRoute } from '../support/fake-models.ts';
import { asOlderLogic } from '../support/older-logic.ts';
import { picture } from '../support/pictures.ts';
import { derivedRows, dropDerived, forgetAnswers, replay } from '../support/replays.ts';
import { tone } from '../support/sound.ts';

let models: FakeModels;
let earshot: TestEarshot;
let records: { chat: string; call: string; screen: string };

const capturedAt = '2026-01-05T09:00:00Z';

beforeAll(async () => {
  models = await startFakeModels();
  earshot = await startEarshot({ models, dials: { 'replay.max_records_per_second': 1_000 } });
  models.transcript = 'Please write to jo.smith@example.com about the parcel.';
  const text = 'My mail is jo.smith@example.com and the payment failed.';
  const accepted = await Promise.all([
    earshot.message({ customerId: 'jo', text, sentAt: capturedAt }),
    earshot.upload('/v1/calls', 'audio', tone(95, [29, 61]), { callId: 'c', customerId: 'jo', startedAt: capturedAt }),
    earshot.upload('/v1/screenshots', 'image', await picture(), { screenshotId: 's', customerId: 'jo', capturedAt }),
  ]);
  const [chat, call, screen] = accepted.map(({ body }) => body.interactionId) as [string, string, string];
  records = { chat, call, screen };
  for (const id of Object.values(records)) await earshot.settled(id, 'reachable');
});
afterAll(async () => {
  await earshot?.stop();
  await models?.stop();
});
afterEach(() => models.heal());

/** Calls of each route that an action causes. */
async function callsDuring(action: () => Promise<unknown>): Promise<Partial<Record<ModelRoute, number>>> {
  const before = models.calls.length;
  await action();
  const counts: Partial<Record<ModelRoute, number>> = {};
  for (const { route } of models.calls.slice(before)) counts[route] = (counts[route] ?? 0) + 1;
  return counts;
}

interface LogicKind {
  kind: string;
  upToDate: number;
  stale: number;
  staleBy: { reasons: string[]; artifacts: number }[];
}

async function staleKinds(): Promise<Record<string, [string, number][]>> {
  const { body } = await earshot.request<{ kinds: LogicKind[] }>('GET', '/v1/logic');
  const stale = body.kinds.filter((each) => each.stale > 0);
  return Object.fromEntries(
    stale.map(({ kind, staleBy }) => [kind, staleBy.map(({ reasons, artifacts }) => [reasons.join(), artifacts])]),
  );
}

describe('a replay', () => {
  it('makes dropped derived data again from raw: the same ids, texts and states as live, and asks no model to hear or see', async () => {
    const live = await derivedRows(earshot);
    expect([live['artifacts']!.length, live['chunks']!.length]).toEqual([6, 6]);
    await dropDerived(earshot);
    const calls = await callsDuring(async () => {
      expect((await replay(earshot)).records).toMatchObject({ total: 3, seen: 3, repaired: 3, failed: 0 });
    });
    expect(await derivedRows(earshot)).toEqual(live);
    expect(Object.keys(calls).filter((route) => route !== 'embeddings')).toEqual([]);
  });

  it('of what is unchanged costs no model call and changes no row', async () => {
    const live = await derivedRows(earshot);
    const calls = await callsDuring(async () => {
      expect((await replay(earshot)).records).toMatchObject({ seen: 3, unchanged: 3 });
    });
    expect(calls).toEqual({});
    expect(await derivedRows(earshot)).toEqual(live);
  });

  it('gives back a chunk and a vector that are lost', async () => {
    const live = await derivedRows(earshot);
    await earshot.database.query('delete from embedding where chunk_id in (select chunk_id from chunk limit 1)');
    await earshot.database.query('delete from chunk where interaction_id = $1', [records.chat]);
    expect((await replay(earshot, { only: 'missing' })).records.failed).toBe(0);
    const mended = await derivedRows(earshot);
    expect({ ...mended, edges: [] }).toEqual({ ...live, edges: [] });
  });

  it('of a caption prompt that changed makes captions anew and nothing else', async () => {
    const live = await derivedRows(earshot);
    const then = { prompt_version: 'older', sealed_object: null, parameters: { maxSide: 2000 } };
    await asOlderLogic(earshot, { interactionId: records.screen, kind: 'caption', artifact: then });
    await earshot.database.query(`delete from artifact where state = 'superseded'`);
    expect(await staleKinds()).toEqual({ caption: [['prompt', 1]] });
    await forgetAnswers(earshot, 'caption');
    models.caption = 'A checkout page, described anew.';
    const calls = await callsDuring(async () => {
      expect((await replay(earshot, { only: 'stale' })).records).toMatchObject({ remade: 1, failed: 0 });
    });
    expect(calls).toEqual({ screen_caption: 1, embeddings: 1 });
    expect(await staleKinds()).toEqual({});
    const others = (rows: Record<string, unknown[]>) => rows['artifacts']!.filter((row) => !isCaption(row));
    expect(others(await derivedRows(earshot))).toEqual(others(live));
  });

  it('names each part of the logic that changed, of exactly the artifacts that it made', async () => {
    const reset = await derivedRows(earshot);
    const set = (kind: string, column: string, value: string) =>
      earshot.database.query(`update artifact set ${column} = ${value} where kind = '${kind}' and state = 'active'`);
    await set('transcript', 'model', `'older'`);
    await set('screen_text', 'parameters', `parameters || '{"maxSide": 1}'`);
    await set('caption', 'chunker_version', `'older'`);
    await set('message', 'redactor_version', `'older'`);
    expect(await staleKinds()).toEqual({
      message: [['redactor', 1]],
      transcript: [['model', 3]],
      screen_text: [['settings', 1]],
      caption: [['chunker', 1]],
    });
    await set('transcript', 'model', `'${modelOf(reset, 'transcript')}'`);
    await set('screen_text', 'parameters', `parameters || '{"maxSide": 2000}'`);
    await set('caption', 'chunker_version', `'passages-1'`);
    await set('message', 'redactor_version', `'${redactorOf(reset)}'`);
    expect(await staleKinds()).toEqual({});
  });

  it('applies a better redactor to text, chunk, full text, vector and recorded answers, without a model that hears or sees', async () => {
    const live = await derivedRows(earshot);
    const then = { artifact: { redactor_version: 'older' }, text: ['[EMAIL]', 'jo.smith@example.com'] } as const;
    await asOlderLogic(earshot, { interactionId: records.chat, kind: 'message', ...then });
    await asOlderLogic(earshot, { interactionId: records.call, kind: 'transcript', ...then });
    const leaked = await earshot.retrieve({ query: 'jo.smith@example.com', customerId: 'jo', mode: 'text' });
    expect(leaked.results.length).toBe(4);
    const before = new Date().toISOString();
    expect(await staleKinds()).toEqual({ message: [['redactor', 1]], transcript: [['redactor', 3]] });
    const calls = await callsDuring(async () => {
      expect((await replay(earshot, { only: 'stale' })).records).toMatchObject({ remade: 2, failed: 0 });
    });
    expect(Object.keys(calls).filter((route) => route !== 'embeddings')).toEqual([]);
    expect(await derivedRows(earshot)).toEqual(live);
    const left = await earshot.database.query(
      `select 1 from chunk where text like '%jo.smith%' union all
       select 1 from artifact where content::text like '%jo.smith%'`,
    );
    expect(left).toEqual([]);
    expect((await earshot.retrieve({ query: 'jo.smith@example.com', customerId: 'jo', mode: 'text' })).results).toEqual(
      [],
    );
    const recorded = await earshot.request<{ hits: { chunkId: string }[] }>(
      'GET',
      `/v1/retrievals/${leaked.retrievalId}`,
    );
    const ids = new Set(live['chunks']!.map((row) => (row as { chunk_id: string }).chunk_id));
    expect(recorded.body.hits.map(({ chunkId }) => ids.has(chunkId))).toEqual([true, true, true, true]);
    // What was redacted anew stands in the place of the old for questions about the past, with its vectors.
    const past = await earshot.retrieve({ query: 'parcel', customerId: 'jo', mode: 'vector', asOf: before, k: 50 });
    expect(new Set(past.results.map(({ chunkId }) => chunkId))).toEqual(ids);
  });

  it('that fails keeps what was there and says so; the next one mends it, and going back asks no model', async () => {
    const live = await derivedRows(earshot);
    models.failAlways('screen_caption', { kind: 'status', status: 400 });
    models.caption = 'Seen by another model.';
    const failed = await replay(earshot, { visionModel: 'other-vision', kinds: ['caption'] });
    expect(failed.records).toMatchObject({ failed: 1, remade: 0 });
    expect(failed.failures).toEqual([
      expect.objectContaining({ interactionId: records.screen, kind: 'caption', code: 'model_rejected' }),
    ]);
    expect(await derivedRows(earshot)).toEqual(live);
    models.heal();
    const mended = await replay(earshot, { visionModel: 'other-vision', kinds: ['caption'] });
    expect(mended.records).toMatchObject({ failed: 0, remade: 1 });
    const { results } = await earshot.retrieve({ query: 'seen by another model', customerId: 'jo', mode: 'text' });
    expect(results.map(({ text }) => text)).toEqual(['Seen by another model.']);
    const calls = await callsDuring(() => replay(earshot, { modalities: ['screenshot'] }));
    expect(calls).toEqual({});
    expect(await derivedRows(earshot)).toEqual(live);
  });

  it('does not give up a text for one that would be quarantined', async () => {
    const live = await derivedRows(earshot);
    models.screenLines = [];
    const held = await replay(earshot, { visionModel: 'blind-vision', kinds: ['screen_text'] });
    expect(held.records).toMatchObject({ heldBack: 1, remade: 0 });
    expect(held.failures).toMatchObject([{ kind: 'screen_text', code: 'quarantined' }]);
    expect((await derivedRows(earshot))['chunks']).toEqual(live['chunks']);
  });
});

const isCaption = (row: unknown) => (row as { kind: string }).kind === 'caption';
const firstOf = (rows: Record<string, unknown[]>, kind: string) =>
  rows['artifacts']!.find((row) => (row as { kind: string }).kind === kind) as Record<string, string>;
const modelOf = (rows: Record<string, unknown[]>, kind: string) => firstOf(rows, kind)['model'];
const redactorOf = (rows: Record<string, unknown[]>) => firstOf(rows, 'message')['redactor_version'];
