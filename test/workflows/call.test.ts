import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { startEarshot, type TestEarshot } from '../support/earshot.ts';
import { startFakeModels, type FakeModels } from '../support/fake-models.ts';
import { tone } from '../support/sound.ts';
import { until } from '../support/until.ts';

let models: FakeModels;
let earshot: TestEarshot;

beforeAll(async () => {
  models = await startFakeModels();
  earshot = await startEarshot({ models, dials: { 'call.abandoned_after_ms': 1_000 } });
});
afterAll(async () => {
  await earshot?.stop();
  await models?.stop();
});
beforeEach(() => {
  models.heal();
  models.hold = undefined;
  models.calls.length = 0;
  models.transcript = 'The parcel has not arrived and the customer asks for a replacement.';
});

const startedAt = '2026-01-05T09:00:00Z';
const at = (seconds: number) => new Date(Date.parse(startedAt) + seconds * 1000).toISOString();

/** The sound of this call alone: the model is not asked for the same bytes of a customer again. */
function only(name: string, sound: Buffer): Buffer {
  const own = Buffer.from(sound);
  own.writeInt16LE(
    [...name].reduce((sum, letter) => (sum * 31 + letter.charCodeAt(0)) % 8_000, 7),
    44,
  );
  return own;
}

function segment(callId: string, index: number, sound: Buffer = tone(2)) {
  const metadata = { customerId: 'caller', index, startedAt: at(index * 30), endedAt: at(index * 30 + 30) };
  return earshot.upload(`/v1/calls/${callId}/segments`, 'audio', only(`${callId} ${index}`, sound), metadata);
}

function recording(callId: string, sound: Buffer) {
  return earshot.upload('/v1/calls', 'audio', only(callId, sound), {
    callId,
    customerId: 'caller',
    startedAt,
    agentId: 'agent-1',
  });
}

async function closed(workflowId: string) {
  const handle = earshot.temporal.getHandle(workflowId);
  await until('the run has closed', async () => (await handle.describe()).status.name === 'COMPLETED');
  return handle.result() as Promise<{ pieces: number; missingSegments: number; failures: number }>;
}

describe('a call', () => {
  it('is cut into pieces of about 30 s whose hits tell the second in the recording', async () => {
    const { status, body } = await recording('long', tone(95, [29, 61]));
    expect(status).toBe(202);
    const { artifacts } = await earshot.settled(body.interactionId, 'reachable');
    expect(artifacts).toHaveLength(3);
    const { results } = await earshot.retrieve({ query: 'parcel replacement', customerId: 'caller', k: 10 });
    const starts = results.filter((hit) => hit.interactionId === body.interactionId).map(({ place }) => place.startMs);
    const pauses = starts.sort((a, b) => a - b).map((ms) => Math.round(ms / 1000));
    expect(pauses).toEqual([0, 29, 61]);
  });

  it('is complete however its pieces end side by side', async () => {
    const calls = await Promise.all(
      Array.from({ length: 12 }, (_, index) => recording(`parallel ${index}`, tone(50 + index, [29]))),
    );
    for (const { body } of calls) await earshot.settled(body.interactionId, 'reachable');
  });

  it('is searchable segment by segment while it goes on, in any order, and closes at its end', async () => {
    const second = await segment('live', 1);
    await earshot.settled(second.body.interactionId, 'reachable');
    const first = await segment('live', 0);
    await earshot.settled(first.body.interactionId, 'reachable');
    const { results } = await earshot.retrieve({ query: 'parcel', customerId: 'caller', k: 50 });
    const live = results.filter(({ conversationId }) => conversationId === 'live');
    expect(live.map(({ eventTime }) => Date.parse(eventTime)).sort()).toHaveLength(2);
    const end = await earshot.request('POST', '/v1/calls/live/end', { endedAt: at(60), segments: 2 });
    expect(end.status).toBe(202);
    expect(await closed(first.body.workflowId)).toMatchObject({ missingSegments: 0 });
  });

  it('says which segments are missing, and takes a late one', async () => {
    const { body } = await segment('gap', 0);
    await earshot.request('POST', '/v1/calls/gap/end', { endedAt: at(90), segments: 3 });
    expect(await closed(body.workflowId)).toMatchObject({ missingSegments: 2 });
    const late = await segment('gap', 1);
    await earshot.settled(late.body.interactionId, 'reachable');
  });

  it('keeps one end: the same again is harmless, another is a conflict, one of an unknown call is not found', async () => {
    await segment('ended', 0);
    const end = (segments: number) => earshot.request('POST', '/v1/calls/ended/end', { endedAt: at(30), segments });
    expect((await end(1)).status).toBe(202);
    expect((await end(1)).status).toBe(202);
    expect((await end(2)).status).toBe(409);
    expect((await earshot.request('POST', '/v1/calls/nobody/end', { endedAt: at(1), segments: 1 })).status).toBe(404);
  });

  it('refuses a second segment of the same index under another idempotency key', async () => {
    await segment('indexes', 0);
    const form = new FormData();
    form.append('metadata', JSON.stringify({ customerId: 'caller', index: 0, startedAt, endedAt: at(30) }));
    form.append('audio', new Blob([new Uint8Array(tone(3))]));
    const answer = await fetch(`http://127.0.0.1:${earshot.env['PORT']}/v1/calls/indexes/segments`, {
      method: 'POST',
      headers: { authorization: 'Bearer test-key-of-all-scopes-0001', 'idempotency-key': 'another' },
      body: form,
    });
    expect(answer.status).toBe(409);
  });

  it('of which nothing can be heard, or one word again and again, is quarantined with its reason', async () => {
    models.transcript = '';
    const silent = await recording('silent', tone(2));
    expect(await earshot.settled(silent.body.interactionId, 'quarantined')).toMatchObject({
      reason: 'empty_transcript',
    });
    models.transcript = 'thank you '.repeat(40);
    const loop = await recording('loop', tone(3));
    expect(await earshot.settled(loop.body.interactionId, 'quarantined')).toMatchObject({
      reason: 'repetitive_transcript',
    });
    const { results } = await earshot.retrieve({ query: 'thank you', customerId: 'caller', k: 50 });
    expect(results.map(({ interactionId }) => interactionId)).not.toContain(loop.body.interactionId);
  });

  it('that the model refuses is failed with its reason, and not tried again', async () => {
    models.failAlways('transcriptions', { kind: 'status', status: 400 });
    const { body } = await recording('refused', tone(4));
    expect(await earshot.settled(body.interactionId, 'failed')).toMatchObject({ reason: 'model_rejected' });
    expect(models.calls).toHaveLength(1);
  });

  it.each([
    [
      'segments out of order',
      (answer: { segments: object[] }) => ({ ...answer, segments: [{ ...answer.segments[0], start: 9, end: 1 }] }),
    ],
    [
      'negative times',
      (answer: { segments: object[] }) => ({ ...answer, segments: [{ ...answer.segments[0], start: -5 }] }),
    ],
    [
      'no log-probabilities',
      (answer: { segments: object[] }) => ({ ...answer, segments: [{ start: 0, end: 1, text: 'x' }] }),
    ],
    [
      'times beyond the audio',
      (answer: { segments: object[] }) => ({ ...answer, duration: 1, segments: [{ ...answer.segments[0], end: 500 }] }),
    ],
    [
      'a megabyte of text',
      (answer: { segments: object[] }) => ({ ...answer, segments: [{ ...answer.segments[0], text: 'x'.repeat(1e6) }] }),
    ],
  ])('is heard again when the model gave %s', async (name, change) => {
    models.fail('transcriptions', { kind: 'change', change: change });
    const { body } = await recording(`garbage ${name}`, tone(2));
    await earshot.settled(body.interactionId, 'reachable');
    expect(models.calls.filter(({ route }) => route === 'transcriptions')).toHaveLength(2);
  });

  it('is not heard twice when storing its transcript fails', async () => {
    await earshot.database.query('alter table artifact add constraint refuse_all check (false) not valid');
    const { body } = await recording('paid once', tone(5));
    await until(
      'storing was tried twice',
      async () => ((await earshot.logs()).match(/store_artifact failed/g) ?? []).length >= 2,
    );
    await earshot.database.query('alter table artifact drop constraint refuse_all');
    await earshot.settled(body.interactionId, 'reachable');
    expect(models.calls.filter(({ route }) => route === 'transcriptions')).toHaveLength(1);
  });

  it('tells the copilot that it is pending while it is heard', async () => {
    const held = Promise.withResolvers<void>();
    models.hold = held.promise;
    const { body } = await recording('being heard', tone(2));
    await until('the model is asked', () => models.calls.length > 0);
    const { pending } = await earshot.retrieve({ query: 'anything', customerId: 'caller', mode: 'text' });
    expect(pending).toMatchObject([
      { interactionId: body.interactionId, modality: 'audio', stage: 'recognising', progress: { done: 0, total: 1 } },
    ]);
    held.resolve();
    await earshot.settled(body.interactionId, 'reachable');
  });
});
