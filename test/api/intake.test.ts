import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startEarshot, type Answer, type TestEarshot } from '../support/earshot.ts';
import { startFakeModels, type FakeModels } from '../support/fake-models.ts';
import { tone } from '../support/sound.ts';

let models: FakeModels;
let earshot: TestEarshot;

beforeAll(async () => {
  models = await startFakeModels();
  earshot = await startEarshot({
    models,
    dials: {
      'intake.audio_max_bytes': 200_000,
      'intake.image_max_pixels': 1_000_000,
      'intake.chat_max_characters': 500,
    },
  });
});
afterAll(async () => {
  await earshot?.stop();
  await models?.stop();
});

interface Problem {
  readonly type: string;
  readonly status: number;
  readonly detail: string;
  readonly errors?: { field: string; message: string }[];
}

function expectProblem(answer: Answer<unknown>, status: number, field?: string): void {
  const problem = answer.body as Problem;
  expect(answer.status).toBe(status);
  expect(answer.headers.get('content-type')).toContain('application/problem+json');
  expect(problem.status).toBe(status);
  if (field !== undefined) expect(problem.errors?.map((error) => error.field)).toContain(field);
}

const png = (width: number, height: number) =>
  sharp({ create: { width, height, channels: 3, background: 'red' } })
    .png()
    .toBuffer();
const screenshot = (image: Uint8Array, fields: object = {}) =>
  earshot.upload('/v1/screenshots', 'image', image, {
    screenshotId: `s${Math.random()}`,
    customerId: 'customer',
    capturedAt: new Date().toISOString(),
    ...fields,
  });
const call = (audio: Uint8Array, fields: object = {}) =>
  earshot.upload('/v1/calls', 'audio', audio, {
    callId: `c${Math.random()}`,
    customerId: 'customer',
    startedAt: '2026-01-05T09:00:00Z',
    ...fields,
  });

describe('a duplicate', () => {
  it('posted 50 times at once is one record, with the same answer each time', async () => {
    const sentAt = new Date().toISOString();
    const answers = await Promise.all(
      Array.from({ length: 50 }, () => earshot.message({ messageId: 'fifty', text: 'one of fifty', sentAt })),
    );
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([202]));
    expect(new Set(answers.map(({ body }) => body.interactionId)).size).toBe(1);
    const { interactionId } = answers[0]!.body;
    const rows = await earshot.database.query('select chunk_id from chunk where interaction_id = $1', [interactionId]);
    expect(rows).toHaveLength(1);
  });

  it('with another body is a conflict, and the first stays as it was', async () => {
    const first = await earshot.message({ messageId: 'twice', text: 'the first wording' });
    expectProblem(await earshot.message({ messageId: 'twice', text: 'another wording' }), 409);
    const { results } = await earshot.retrieve({ query: 'wording', customerId: 'customer-1', mode: 'text' });
    const texts = results
      .filter(({ interactionId }) => interactionId === first.body.interactionId)
      .map(({ text }) => text);
    expect(texts).toEqual(['the first wording']);
  });

  it('conversation, of another customer, is a conflict: one belongs to one customer', async () => {
    await earshot.message({ conversationId: 'shared', customerId: 'ada', messageId: 'ada' });
    const other = await earshot.message({ conversationId: 'shared', customerId: 'bob', messageId: 'bob' });
    expectProblem(other, 409, 'customerId');
  });

  it('is recognised by its Idempotency-Key, whatever its own id', async () => {
    const body = {
      messageId: 'a',
      customerId: 'customer',
      sentAt: new Date().toISOString(),
      author: 'agent',
      text: 'keyed',
    };
    const headers = { 'idempotency-key': 'key-1' };
    const path = '/v1/chats/keyed/messages';
    const first = await earshot.request<{ interactionId: string }>('POST', path, body, headers);
    const again = await earshot.request<{ interactionId: string }>('POST', path, body, headers);
    expect(again.body).toEqual(first.body);
    expectProblem(await earshot.request('POST', path, { ...body, text: 'other' }, headers), 409);
  });

  it('upload is answered as before, another of the same id is a conflict and leaves no object behind', async () => {
    const first = await call(tone(1), { callId: 'again' });
    expect((await call(tone(1), { callId: 'again' })).body).toEqual(first.body);
    expectProblem(await call(tone(2), { callId: 'again' }), 409);
  });
});

describe('a bad message is refused with the field at fault', () => {
  it.each([
    ['text', { text: '' }],
    ['text', { text: '   ' }],
    ['text', { text: 'x'.repeat(501) }],
    ['text', { text: 42 as never }],
    ['author', { author: 'ghost' }],
    ['sentAt', { sentAt: 'yesterday' }],
    ['sentAt', { sentAt: '2199-01-01T00:00:00Z' }],
    ['customerId', { customerId: '' }],
    ['customerId', { customerId: 'a\u0000b' }],
    ['messageId', { messageId: undefined as never }],
  ])('%s', async (field, fields) => {
    expectProblem(await earshot.message(fields), 400, field);
  });

  it('when it is no JSON, another type, has an unknown field, or is too large', async () => {
    const path = '/v1/chats/c/messages';
    expectProblem(await earshot.request('POST', path, '{"messageId"'), 400, 'body');
    expectProblem(await earshot.request('POST', path, 'text', { 'content-type': 'text/plain' }), 415);
    expectProblem(await earshot.request('POST', path, { surprise: 1 }), 400, 'surprise');
    expectProblem(await earshot.request('POST', path, { text: 'x'.repeat(2_000_000) }), 413);
  });

  it('and never repeats the value', async () => {
    const answer = await earshot.message({ sentAt: 'call me at 4111111111111111' });
    expect(JSON.stringify(answer.body)).not.toContain('4111');
  });

  it('but any unicode is taken and found', async () => {
    const text = 'emoji 🦓 lone \ud800 nul \u0000 zwj \u200d end';
    const { status, body } = await earshot.message({ messageId: 'unicode', text });
    expect(status).toBe(202);
    await earshot.settled(body.interactionId, 'reachable');
  });
});

describe('a bad recording is refused', () => {
  it('when its format is unknown, its bytes are cut short, it has no sound or is too large', async () => {
    expectProblem(await call(Buffer.from('<html>not audio</html>')), 415, 'audio');
    expectProblem(await call(tone(2).subarray(0, 5_000)), 400, 'audio');
    expectProblem(await call(tone(1).subarray(0, 44)), 400, 'audio');
    expectProblem(await call(Buffer.alloc(0)), 400, 'audio');
    expectProblem(await call(tone(60)), 413, 'audio');
  });

  it('when its metadata is wrong', async () => {
    expectProblem(await call(tone(1), { startedAt: 'noon' }), 400, 'metadata.startedAt');
    expectProblem(await call(tone(1), { startedAt: '2199-01-01T00:00:00Z' }), 400, 'metadata.startedAt');
    expectProblem(await call(tone(1), { endedAt: '2020-01-01T00:00:00Z' }), 400, 'metadata.endedAt');
    expectProblem(await earshot.upload('/v1/calls', 'video', tone(1), {}), 400, 'body');
    expectProblem(await earshot.request('POST', '/v1/calls', { callId: 'x' }), 415);
  });
});

describe('a bad picture is refused', () => {
  it('when its format is unknown or a program, it is cut short, or expands to too many pixels', async () => {
    expectProblem(await screenshot(Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"/>')), 415, 'image');
    expectProblem(await screenshot(tone(1)), 415, 'image');
    const whole = await png(600, 400);
    expectProblem(await screenshot(whole.subarray(0, whole.length - 40)), 400, 'image');
    expectProblem(await screenshot(await png(1_100, 1_000)), 413, 'image');
    expectProblem(await screenshot(whole, { capturedAt: '2199-01-01T00:00:00Z' }), 400, 'metadata.capturedAt');
  });

  it('by its header alone when it claims gigapixels', async () => {
    const bomb = await png(10, 10);
    bomb.writeUInt32BE(60_000, 16);
    bomb.writeUInt32BE(60_000, 20);
    bomb.writeInt32BE(crc32(bomb.subarray(12, 29)), 29);
    expectProblem(await screenshot(bomb), 413, 'image');
  });
});

function crc32(bytes: Uint8Array): number {
  let crc = -1;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return ~crc;
}

describe('an upload beyond what a process may hold', () => {
  it('is told to come back, and taken when there is room', async () => {
    await earshot.request('PUT', '/v1/dials/intake.uploads_in_flight_max_bytes', { value: 1_048_576 });
    const answers = await Promise.all(Array.from({ length: 40 }, () => call(tone(10))));
    const statuses = new Set(answers.map(({ status }) => status));
    expect([...statuses].every((status) => status === 202 || status === 429)).toBe(true);
    for (const answer of answers.filter(({ status }) => status === 429)) {
      expect(answer.headers.get('retry-after')).not.toBeNull();
    }
    expect((await call(tone(1))).status).toBe(202);
  });
});

describe('a dial', () => {
  it('moves a limit while everything runs, and the change is recorded', async () => {
    const tooLong = { text: 'y'.repeat(400) };
    expect((await earshot.message(tooLong)).status).toBe(202);
    const moved = await earshot.request('PUT', '/v1/dials/intake.chat_max_characters', { value: 300 });
    expect(moved.status).toBe(200);
    expectProblem(await earshot.message(tooLong), 400, 'text');
    await earshot.request('PUT', '/v1/dials/intake.chat_max_characters', { value: 500 });
    const changes = await earshot.database.query(
      `select old_value, new_value from dial_change where name = 'intake.chat_max_characters' order by change_id`,
    );
    expect(changes).toEqual([
      { old_value: 500, new_value: 300 },
      { old_value: 300, new_value: 500 },
    ]);
  });

  it('refuses a value out of its bounds, and a name that is none', async () => {
    expectProblem(await earshot.request('PUT', '/v1/dials/intake.chat_max_characters', { value: -1 }), 400, 'value');
    expectProblem(await earshot.request('PUT', '/v1/dials/nonsense', { value: 1 }), 404);
  });
});
