import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import OpenAI from 'openai';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseWav, type Wav } from '../../src/domain/wav.ts';
import { openAiSpeech } from '../../src/models/speech.ts';
import { openAiVision } from '../../src/models/vision.ts';
import { API_KEY, startEarshot, type TestEarshot } from '../support/earshot.ts';
import { until } from '../support/until.ts';

const fixture = (...path: string[]) => readFile(join(import.meta.dirname, '..', 'fixtures', ...path));
const CUSTOMER = 'customer-88213';

let earshot: TestEarshot;
let client: OpenAI;

beforeAll(async () => {
  earshot = await startEarshot();
  client = new OpenAI({ baseURL: earshot.env['OPENAI_BASE_URL'], apiKey: 'local' });
});
afterAll(() => earshot?.stop());

async function call(name: string): Promise<string> {
  const metadata = { callId: name, customerId: CUSTOMER, startedAt: new Date(Date.now() - 60_000).toISOString() };
  const { body } = await earshot.upload('/v1/calls', 'audio', await fixture('calls', `${name}.wav`), metadata);
  await earshot.settled(body.interactionId, 'reachable');
  return body.interactionId;
}

async function screen(screenshotId: string, picture: Uint8Array): Promise<string> {
  const metadata = { screenshotId, customerId: CUSTOMER, capturedAt: new Date().toISOString() };
  const { body } = await earshot.upload('/v1/screenshots', 'image', picture, metadata);
  await earshot.settled(body.interactionId, 'reachable');
  return body.interactionId;
}

async function redactedCopy(
  interactionId: string,
): Promise<{ bytes: Buffer; type: string | null; cache: string | null }> {
  const response = await fetch(`http://127.0.0.1:${earshot.env['PORT']}/v1/interactions/${interactionId}/media`, {
    headers: { authorization: `Bearer ${API_KEY}` },
  });
  expect(response.status).toBe(200);
  const { headers } = response;
  return {
    bytes: Buffer.from(await response.arrayBuffer()),
    type: headers.get('content-type'),
    cache: headers.get('cache-control'),
  };
}

const hiddenOf = async (interactionId: string) => {
  const rows = await earshot.database.query<{ hidden: { type: string; startMs: number; endMs: number }[] }>(
    `select hidden from redacted_media where interaction_id = $1 and state = 'active'`,
    [interactionId],
  );
  return rows[0]!.hidden;
};

const samples = ({ data }: Wav) => new Int16Array(Uint8Array.from(data).buffer);

describe('the redacted copy of a recording', () => {
  it('is silent where a card number was said, and bit for bit the recording elsewhere', async () => {
    const id = await call('refund-with-card');
    // It is there without anybody asking for it.
    await until(
      'the copy was made',
      async () => (await earshot.database.query('select from redacted_media')).length > 0,
    );
    const { bytes, type, cache } = await redactedCopy(id);
    expect({ type, cache }).toEqual({ type: 'audio/wav', cache: 'no-store' });
    const hidden = await hiddenOf(id);
    expect(hidden.map((span) => span.type)).toEqual(['card']);
    const before = parseWav(await fixture('calls', 'refund-with-card.wav'));
    const after = parseWav(bytes);
    const [was, is] = [samples(before), samples(after)];
    expect(is.length).toBe(was.length);
    const inside = (index: number) => hidden.some(({ startMs, endMs }) => index >= startMs * 16 && index < endMs * 16);
    expect(is.every((sample, index) => sample === (inside(index) ? 0 : was[index]))).toBe(true);
    const silent = hidden.reduce((sum, { startMs, endMs }) => sum + endMs - startMs, 0);
    console.log(JSON.stringify(hidden), before.durationMs, silent);
    expect(silent).toBeLessThan(before.durationMs / 2);
    const again = await openAiSpeech(client, earshot.env['ASR_MODEL']!).transcribe(
      bytes,
      'redacted.wav',
      AbortSignal.timeout(60_000),
    );
    const heard = again.passages.map(({ text }) => text).join(' ');
    console.log(heard);
    expect(heard).not.toMatch(
      /\d|four|five|three|nine|six|seven|eight/i.test(heard.replace(/five days|5 days/, '')) ? heard : /4539/,
    );
    expect(heard).toMatch(/refund/);
  });
});

describe('the redacted copy of a screen', () => {
  it('shows no planted value to a reader, and the rest', async () => {
    const id = await screen('locked', await fixture('screens', 'login-locked.png'));
    const { bytes, type } = await redactedCopy(id);
    expect(type).toBe('image/png');
    const read = await openAiVision(client, earshot.env['VISION_MODEL']!).readText(bytes, AbortSignal.timeout(60_000));
    const text = read.passages.map((line) => line.text).join('\n');
    console.log(text, JSON.stringify(await hiddenOf(id)));
    expect(text).not.toMatch(/dana|whitfield|example/i);
    expect(text).toContain('AUTH-7731');
    expect(text).toContain('Your account is locked');
    await sharp(bytes).toFile('/tmp/masked.png');
  });
});
