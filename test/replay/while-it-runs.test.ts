import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startEarshot, type TestEarshot } from '../support/earshot.ts';
import { AT_ONCE, completed, requestErasure } from '../support/erasures.ts';
import { holdRoute, startFakeModels, type FakeModels } from '../support/fake-models.ts';
import { picture } from '../support/pictures.ts';
import { remainsOf } from '../support/remains.ts';
import { dropDerived, findReplay, forgetAnswers, replay, replayIn, requestReplay } from '../support/replays.ts';
import { tone } from '../support/sound.ts';
import { until } from '../support/until.ts';

let models: FakeModels;
let earshot: TestEarshot;

const startedAt = '2026-01-05T09:00:00Z';

beforeAll(async () => {
  models = await startFakeModels();
  const dials = { ...AT_ONCE, 'replay.max_records_per_second': 1_000, 'replay.records_in_parallel': 1 };
  earshot = await startEarshot({ models, dials });
});
afterAll(async () => {
  await earshot?.stop();
  await models?.stop();
});

/** One call of a customer, reachable and its run ended. */
async function call(customerId: string, callId = customerId): Promise<string> {
  const { body } = await earshot.upload('/v1/calls', 'audio', tone(2), { callId, customerId, startedAt });
  await earshot.settled(body.interactionId, 'reachable');
  await earshot.temporal.getHandle(body.workflowId).result();
  return body.interactionId;
}

describe('while a replay runs', () => {
  it('a question finds a record as it was or as it is made anew: never both, never neither', async () => {
    models.transcript = 'The parcel was heard by the first model.';
    await call('swapped');
    const seen = new Set<string>();
    const found = new Set<number>();
    let asking = true;
    const asked = (async () => {
      while (asking) {
        const { results } = await earshot.retrieve({ query: 'parcel heard', customerId: 'swapped' });
        found.add(results.length);
        for (const { text } of results) seen.add(text);
      }
    })();
    for (const asrModel of ['second', 'third', 'second', 'third']) {
      models.transcript = `The parcel was heard by the ${asrModel} model.`;
      const { records } = await replay(earshot, { customerId: 'swapped', asrModel });
      expect(records.remade).toBe(1);
    }
    asking = false;
    await asked;
    expect([...found]).toEqual([1]);
    expect(seen.size).toBeGreaterThan(1);
  });

  it('an erasure leaves nothing of what is being made anew, and a later replay brings nothing back', async () => {
    await call('forgotten');
    const survivor = await call('survivor');
    const held = holdRoute(models, 'transcriptions');
    const replayId = await requestReplay(earshot, { from: startedAt, asrModel: 'fourth' });
    await held.arrived();
    const own = await requestReplay(earshot, { customerId: 'forgotten', asrModel: 'fifth' });
    const { body } = await requestErasure(earshot, 'forgotten');
    await completed(earshot, body.erasureId);
    held.release();
    expect((await replayIn(earshot, replayId, 'completed')).records.failed).toBe(0);
    await until('the replay of the forgotten has ended', async () => {
      return (await earshot.temporal.getHandle(`replay/${own}`).describe()).status.name === 'COMPLETED';
    });
    await replay(earshot, { from: startedAt, to: '2026-01-06T00:00:00Z' });
    expect(await remainsOf(earshot, 'forgotten')).toEqual({});
    expect((await earshot.request('GET', `/v1/replays/${own}`)).status).toBe(404);
    expect((await earshot.interaction(survivor)).state).toBe('reachable');
  });

  it('it pauses between two records, goes on, and ends early when it is cancelled', async () => {
    for (const id of ['one', 'two', 'three']) await call('patient', id);
    const held = holdRoute(models, 'transcriptions');
    const replayId = await requestReplay(earshot, { customerId: 'patient', asrModel: 'sixth' });
    await held.arrived();
    await tell(replayId, 'pause');
    held.release();
    await replayIn(earshot, replayId, 'paused');
    expect(await madeBy('sixth')).toBe(1);
    await tell(replayId, 'resume');
    expect((await replayIn(earshot, replayId, 'completed')).records).toMatchObject({ total: 3, seen: 3, remade: 3 });
    expect((await earshot.request('POST', `/v1/replays/${replayId}/pause`)).status).toBe(409);
    const again = holdRoute(models, 'transcriptions');
    const cancelled = await requestReplay(earshot, { customerId: 'patient', asrModel: 'seventh' });
    await again.arrived();
    await tell(cancelled, 'cancel');
    again.release();
    await replayIn(earshot, cancelled, 'cancelled');
    expect(await madeBy('seventh')).toBe(1);
  });

  it('what comes in is not held up, and the dial bounds how many records are made anew per second', async () => {
    const held = holdRoute(models, 'transcriptions');
    const busy = await requestReplay(earshot, { customerId: 'patient', asrModel: 'eighth' });
    await held.arrived();
    const { body } = await earshot.message({ customerId: 'live' });
    await earshot.settled(body.interactionId, 'reachable');
    held.release();
    await replayIn(earshot, busy, 'completed');

    await setDial('replay.max_records_per_second', 0.1);
    await setDial('replay.page_records', 1);
    const slow = await requestReplay(earshot, { customerId: 'patient' });
    await until('its first page is done', async () => (await findReplay(earshot, slow)).records.seen === 1);
    await tell(slow, 'cancel');
    expect((await replayIn(earshot, slow, 'cancelled')).records.seen).toBe(1);
    await setDial('replay.max_records_per_second', 1_000);
    await setDial('replay.page_records', 200);
  });

  it('nothing is missing or doubled where what it brings back meets what comes in', async () => {
    const send = (n: number, sentAt: string) =>
      earshot.message({ customerId: 'seam', messageId: `seam-${n}`, text: `message ${n}`, sentAt });
    const at = (n: number) => new Date(Date.parse('2026-02-01T09:00:00Z') + n * 60_000).toISOString();
    for (let n = 0; n < 6; n++) await earshot.settled((await send(n, at(n))).body.interactionId, 'reachable');
    const live = await textsOf('seam');
    await dropDerived(earshot);
    await replay(earshot, { customerId: 'seam', from: at(3) });
    expect(await textsOf('seam')).toEqual(['message 3', 'message 4', 'message 5']);
    const whole = await requestReplay(earshot, { customerId: 'seam' });
    const late = await Promise.all([send(6, at(1)), send(7, new Date().toISOString())]);
    await replayIn(earshot, whole, 'completed');
    for (const { body } of late) await earshot.settled(body.interactionId, 'reachable');
    expect(await textsOf('seam')).toEqual([...live, 'message 6', 'message 7']);
    await replay(earshot);
  });

  it('a kind of artifact that is new is made of thirty days and of what comes in: once of each record', async () => {
    const shoot = async (screenshotId: string, daysAgo: number) => {
      const capturedAt = new Date(Date.now() - daysAgo * 86_400_000).toISOString();
      const metadata = { screenshotId, customerId: screenshotId, capturedAt };
      return (await earshot.upload('/v1/screenshots', 'image', await picture(), metadata)).body.interactionId;
    };
    const kinds = () =>
      earshot.database.query<{ kind: string; records: number; artifacts: number; served: number }>(
        `select a.kind, count(distinct a.interaction_id)::integer as records,
           count(distinct a.artifact_id)::integer as artifacts, count(c.chunk_id) filter (where c.active)::integer as served
         from artifact a
         join interaction i using (interaction_id)
         left join chunk c using (artifact_id)
         where i.modality = 'screenshot' and a.state = 'active'
         group by a.kind order by a.kind`,
      );
    for (const days of [29, 20, 10, 1]) await earshot.settled(await shoot(`day-${days}`, days), 'reachable');
    // As it was before screens were captioned.
    await forgetAnswers(earshot, 'caption');
    await earshot.database.query(`delete from artifact where kind = 'caption'`);
    await earshot.database.query(`update freshness set pieces_total = 1 where modality = 'screenshot'`);
    expect(await kinds()).toMatchObject([{ kind: 'screen_text', records: 4 }]);

    const held = holdRoute(models, 'screen_caption');
    const from = new Date(Date.now() - 30 * 86_400_000).toISOString();
    const backfill = await requestReplay(earshot, { from, modalities: ['screenshot'], kinds: ['caption'] });
    await held.arrived();
    const live = await Promise.all([shoot('late', 15), shoot('late-too', 25), shoot('now', 0)]);
    held.release();
    for (const id of live) await earshot.settled(id, 'reachable');
    expect((await replayIn(earshot, backfill, 'completed')).records.failed).toBe(0);
    const seven = { records: 7, artifacts: 7, served: 7 };
    expect(await kinds()).toMatchObject([
      { kind: 'caption', ...seven },
      { kind: 'screen_text', records: 7, artifacts: 7 },
    ]);
    const again = await replay(earshot, { from, modalities: ['screenshot'], kinds: ['caption'] });
    expect(again.records).toMatchObject({ seen: 7, unchanged: 7 });
  });

  it('what was made and is gone at the moment of the swap takes the place of nothing', async () => {
    models.transcript = 'The lamp flickers by the first account.';
    const id = await call('lamp');
    models.transcript = 'The lamp flickers by the ninth account.';
    const held = holdRoute(models, 'embeddings');
    const replayId = await requestReplay(earshot, { customerId: 'lamp', asrModel: 'ninth' });
    await held.arrived();
    // Whoever swaps waits for the record; meanwhile what was staged for it is dropped.
    const client = new pg.Client({ connectionString: earshot.database.url });
    await client.connect();
    await client.query('begin');
    await client.query('select from interaction where interaction_id = $1 for no key update', [id]);
    held.release();
    await until('the swap waits', async () => {
      const waiting = await earshot.database.query(
        `select from pg_stat_activity where wait_event_type = 'Lock' and query like '%for no key update of i%'
           and datname = current_database()`,
      );
      return waiting.length > 0;
    });
    await client.query(`delete from artifact where interaction_id = $1 and state = 'staged'`, [id]);
    await client.query('commit');
    await client.end();
    expect((await replayIn(earshot, replayId, 'completed')).records).toMatchObject({ seen: 1, erased: 0 });
    const { results } = await earshot.retrieve({ query: 'lamp flickers', customerId: 'lamp' });
    expect(results).toHaveLength(1);
    expect((await earshot.interaction(id)).state).toBe('reachable');
  });

  it('tells the field at fault, and the same request with an idempotency key is one replay', async () => {
    const wrong = await earshot.request('POST', '/v1/replays', { from: startedAt, to: startedAt });
    expect(wrong).toMatchObject({ status: 400, body: { errors: [{ field: 'to', message: 'must be after from' }] } });
    const ask = () => earshot.request('POST', '/v1/replays', { only: 'stale' }, { 'idempotency-key': 'nightly' });
    expect((await ask()).body).toEqual((await ask()).body);
    const other = async (key: string, body: object) =>
      (await earshot.request('POST', '/v1/replays', body, { 'idempotency-key': key })).status;
    for (const body of [{ only: 'all' }, { only: 'stale', customerId: 'jo' }, { only: 'stale', to: startedAt }]) {
      expect(await other('nightly', body)).toBe(409);
    }
    const whole = {
      from: '2026-01-01T00:00:00Z',
      to: startedAt,
      modalities: ['chat'],
      kinds: ['message'],
      asrModel: 'a',
    };
    expect([
      await other('whole', whole),
      await other('whole', { ...whole, from: '2026-01-01T01:00:00+01:00' }),
    ]).toEqual([202, 202]);
    for (const field of Object.keys(whole)) {
      expect(await other('whole', { ...whole, [field]: undefined })).toBe(409);
    }
  });
});

async function tell(replayId: string, word: string): Promise<void> {
  expect((await earshot.request('POST', `/v1/replays/${replayId}/${word}`)).status).toBe(202);
}

async function madeBy(model: string): Promise<number> {
  const rows = await earshot.database.query('select 1 from artifact where model = $1 and state = $2', [
    model,
    'active',
  ]);
  return rows.length;
}

async function setDial(name: string, value: number): Promise<void> {
  expect((await earshot.request('PUT', `/v1/dials/${name}`, { value })).status).toBe(200);
}

/** What of a customer's messages is found. */
async function textsOf(customerId: string): Promise<string[]> {
  const { results } = await earshot.retrieve({ query: 'message', customerId, k: 20 });
  return results.map(({ text }) => text).sort();
}
