import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import OpenAI from 'openai';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseWav, type Wav } from '../../src/domain/wav.ts';
import { openAiSpeech } from '../../src/models/speech.ts';
import { openAiVision } from '../../src/models/vision.ts';
import { API_KEY, startEarshot, type TestEarshot } from '../support/earshot.ts';
import { until } from '../support/until.ts';

const fixture = (...path: string[]) => readFile(join(import.meta.dirname, '..', 'fixtures', ...path));
const CUSTOMER = 'customer-88213';

/** What was planted, by its type, and what a reader of the redacted copy must not find of it. */
type Planted = readonly (readonly [type: string, traces: RegExp])[];

let earshot: TestEarshot;
let client: OpenAI;

beforeAll(async () => {
  earshot = await startEarshot();
  client = new OpenAI({ baseURL: earshot.env['OPENAI_BASE_URL'], apiKey: 'local' });
});
afterAll(() => earshot?.stop());

async function upload(kind: 'call' | 'screen', name: string): Promise<string> {
  const at = new Date(Date.now() - 60_000).toISOString();
  const { body } =
    kind === 'call'
      ? await earshot.upload('/v1/calls', 'audio', await fixture('calls', `${name}.wav`), {
          ...{ callId: name, customerId: CUSTOMER, startedAt: at },
        })
      : await earshot.upload('/v1/screenshots', 'image', await fixture('screens', `${name}.png`), {
          ...{ screenshotId: name, customerId: CUSTOMER, capturedAt: at },
        });
  await earshot.settled(body.interactionId, 'reachable');
  return body.interactionId;
}

async function redactedCopy(interactionId: string, mediaType: string): Promise<Buffer> {
  // It is made without anybody asking for it.
  await until('the copy is made', async () => (await hiddenIn(interactionId)) !== undefined);
  const response = await fetch(`http://127.0.0.1:${earshot.env['PORT']}/v1/interactions/${interactionId}/media`, {
    headers: { authorization: `Bearer ${API_KEY}` },
  });
  const { status, headers } = response;
  const seen = { status, type: headers.get('content-type'), cache: headers.get('cache-control') };
  expect(seen).toEqual({ status: 200, type: mediaType, cache: 'no-store' });
  return Buffer.from(await response.arrayBuffer());
}

interface Hidden {
  readonly type: string;
  readonly startMs: number;
  readonly endMs: number;
}

async function hiddenIn(interactionId: string): Promise<Hidden[] | undefined> {
  const rows = await earshot.database.query<{ hidden: Hidden[] }>(
    `select hidden from redacted_media where interaction_id = $1 and state = 'active'`,
    [interactionId],
  );
  return rows[0]?.hidden;
}

const samples = ({ data }: Wav) => new Int16Array(Uint8Array.from(data).buffer);

const hear = async (sound: Uint8Array) => {
  const speech = openAiSpeech(client, earshot.env['ASR_MODEL']!);
  const { passages } = await speech.transcribe(sound, 'redacted.wav', AbortSignal.timeout(60_000));
  return passages.map(({ text }) => text).join(' ');
};

const read = async (picture: Uint8Array) => {
  const vision = openAiVision(client, earshot.env['VISION_MODEL']!);
  const { passages } = await vision.readText(picture, AbortSignal.timeout(60_000));
  return passages.map(({ text }) => text).join('\n');
};

function expectNothingOf(planted: Planted, text: string): void {
  expect(planted.filter(([, traces]) => traces.test(text)).map(([type]) => type)).toEqual([]);
}

const CALLS: readonly (readonly [string, Planted, kept: RegExp])[] = [
  [
    'refund-with-card',
    [['card', /4539|1488|0343|6467|four five three|one four eight|zero three/i]],
    /subscription.*refund/i,
  ],
  [
    'planted-values',
    [
      ['name', /oliver|bennett?/i],
      ['card', /5555|4444|five five|four four/i],
      ['phone', /202|0143|two zero|one four three/i],
      ['email', /margaret|example/i],
    ],
    /payment card.*parcel.*depot.*kettle/i,
  ],
  ['payment-failure', [], /payment failed at the last step/i],
];

const SCREENS: readonly (readonly [string, Planted, kept: RegExp[]])[] = [
  [
    'login-locked',
    [
      ['name', /dana|whitfield/i],
      ['email', /example/i],
    ],
    [/Signed out/, /AUTH-7731/, /locked after five/],
  ],
  [
    'planted-values',
    [
      ['name', /margaret|ellison/i],
      ['card', /4539|1488|0343|6467/],
      ['email', /ellison@|example\.org/i],
      ['phone', /7946|0958/],
      ['iban', /DE89|3704|0532/],
      ['name', /oliver|bennett(?!@)/i],
      ['card', /5555|4444/],
      ['email', /bennett@|example\.com/i],
      ['name', /jennifer|collins/i],
    ],
    [
      /A-2291 was paid with/,
      /invoice/,
      /parcel is at the depot/,
      /five days/,
      /blue kettle/,
      /PAY-4012/,
      /AUTH-7731/,
      /our store/,
    ],
  ],
  ['settings-storage-warning', [], [/DISK-2208/, /Last backup: yesterday/]],
];

describe('the redacted copy of a recording', () => {
  it.each(CALLS)(
    'of %s is silent where a value was said and sample by sample the recording elsewhere',
    async (name, planted, kept) => {
      const id = await upload('call', name);
      const copy = await redactedCopy(id, 'audio/wav');
      const hidden = (await hiddenIn(id))!;
      expect(new Set(hidden.map(({ type }) => type))).toEqual(new Set(planted.map(([type]) => type)));
      const [was, is] = [samples(parseWav(await fixture('calls', `${name}.wav`))), samples(parseWav(copy))];
      const silent = (index: number) =>
        hidden.some(({ startMs, endMs }) => index >= startMs * 16 && index < endMs * 16);
      expect(is.length).toBe(was.length);
      expect(is.every((sample, index) => sample === (silent(index) ? 0 : was[index]))).toBe(true);
      const heard = await hear(copy);
      expectNothingOf(planted, heard);
      expect(heard).toMatch(kept);
    },
  );
});

describe('the redacted copy of a screen', () => {
  it.each(SCREENS)('of %s shows no value to a reader, and the rest', async (name, planted, kept) => {
    const id = await upload('screen', name);
    const text = await read(await redactedCopy(id, 'image/png'));
    expectNothingOf(planted, text);
    for (const words of kept) expect(text).toMatch(words);
  });
});
