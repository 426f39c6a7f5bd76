import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startEarshot, type TestEarshot } from '../support/earshot.ts';
import { AT_ONCE, completed, requestErasure } from '../support/erasures.ts';
import { holdRoute, startFakeModels, type FakeModels } from '../support/fake-models.ts';
import { remainsOf } from '../support/remains.ts';
import { replay, replayIn, requestReplay } from '../support/replays.ts';
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
    let asking = true;
    const asked = (async () => {
      while (asking) {
        const { results } = await earshot.retrieve({ query: 'parcel heard', customerId: 'swapped' });
        expect(results.length).toBe(1);
        seen.add(results[0]!.text);
      }
    })();
    for (const asrModel of ['second', 'third', 'second', 'third']) {
      models.transcript = `The parcel was heard by the ${asrModel} model.`;
      const { records } = await replay(earshot, { customerId: 'swapped', asrModel });
      expect(records.remade).toBe(1);
    }
    asking = false;
    await asked;
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

  it('tells the field at fault, and the same request with an idempotency key is one replay', async () => {
    const wrong = await earshot.request('POST', '/v1/replays', { from: startedAt, to: startedAt });
    expect(wrong).toMatchObject({ status: 400, body: { errors: [{ field: 'to', message: 'must be after from' }] } });
    const ask = () => earshot.request('POST', '/v1/replays', { only: 'stale' }, { 'idempotency-key': 'nightly' });
    expect((await ask()).body).toEqual((await ask()).body);
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
