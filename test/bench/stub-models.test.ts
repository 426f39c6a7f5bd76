import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { serveStubModels, type StubModels } from '../../bench/stub-models/server.ts';
import { startStubModels } from '../../bench/stub-models/start.ts';
import { openAiEmbedding } from '../../src/models/embedding.ts';
import { openModelEndpoint } from '../../src/models/openai-client.ts';
import { openAiSpeech } from '../../src/models/speech.ts';
import { openAiVision } from '../../src/models/vision.ts';
import { checkQuality } from '../../src/domain/quality.ts';
import { meanConfidence } from '../../src/domain/transcript.ts';

// The stub through Earshot's own clients: what passes their gates is what the pipeline gets under load.

const QUICK = { embeddingBaseMs: 0, embeddingPerItemMs: 0, screenTextMs: 0, captionMs: 0, speechRealTimeFactor: 1e6 };
const signal = AbortSignal.timeout(60_000);

let stub: StubModels;
const client = () => openModelEndpoint({ baseUrl: stub.url, apiKey: 'stub' });
beforeAll(async () => (stub = await serveStubModels(QUICK)));
afterAll(() => stub.stop());

const dot = (a: readonly number[], b: readonly number[]) => a.reduce((sum, value, index) => sum + value * b[index]!, 0);

test('vectors are units that a text decides, and texts that share words are near', async () => {
  const texts = ['my payment failed with PAY-4012', 'payment failed again, PAY-4012', 'the parcel is at the depot'];
  const [one, near, far] = (await openAiEmbedding(client(), 'any', 384).embed(texts, signal)) as number[][];
  expect(dot(one!, one!)).toBeCloseTo(1, 5);
  expect(dot(one!, near!)).toBeGreaterThan(0.5);
  expect(dot(one!, far!)).toBeLessThan(0.3);
  const ask = async (body: object) =>
    (await (
      await fetch(`${stub.url}/embeddings`, { method: 'POST', body: JSON.stringify({ model: 'any', ...body }) })
    ).json()) as { data: { embedding: string & number[] }[]; usage: { total_tokens: number } };
  const packed = await ask({ input: texts[0], encoding_format: 'base64' });
  const bytes = Buffer.from(packed.data[0]!.embedding, 'base64');
  expect(bytes.readFloatLE(4 * 100)).toBeCloseTo(one![100]!, 6);
  expect(packed.usage.total_tokens).toBeGreaterThan(0);
  expect((await ask({ input: texts, dimensions: 16 })).data.map(({ embedding }) => embedding.length)).toEqual([
    16, 16, 16,
  ]);
});

test('speech is as long as the sound, differs by its bytes, and passes the checks of quality', async () => {
  const wav = await readFile('test/fixtures/calls/payment-failure.wav');
  const other = Buffer.from(wav);
  other[other.length - 1]! ^= 1;
  const speech = openAiSpeech(client(), 'any');
  const [heard, again, different] = await Promise.all(
    [wav, wav, other].map((bytes) => speech.transcribe(bytes, 'call.wav', signal)),
  );
  expect(again!.passages).toEqual(heard!.passages);
  expect(different!.passages).not.toEqual(heard!.passages);
  const { place } = heard!.passages.at(-1)!;
  const soundMs = place.kind === 'time' ? place.endMs : 0;
  expect(soundMs).toBeGreaterThan(10_000);
  expect(heard!.words!.length).toBeGreaterThan(20);
  const record = { declaredMs: soundMs, decodedMs: soundMs, skewMs: 0, duplicate: false };
  const confidence = meanConfidence(heard!.passages);
  const passed = checkQuality(
    { kind: 'transcript', passages: heard!.passages, confidence, soundMs, record },
    {
      minConfidence: { transcript: 0.15, screen_text: 0.15, caption: 0.15 },
      languages: ['en'],
      languageMinCharacters: 80,
      maxWordsPerSecond: 10,
      durationExcessMaxMs: 5_000,
      recordedShareMin: 0,
      clockSkewMaxMs: 60_000,
    },
  );
  expect(passed.filter(({ failed }) => failed)).toEqual([]);
});

test('both looks at a picture are answered, with boxes inside it', async () => {
  const png = await readFile('test/fixtures/screens/checkout-payment-failed.png');
  const vision = openAiVision(client(), 'any');
  const { passages } = await vision.readText(png, signal);
  expect(passages.length).toBeGreaterThan(3);
  for (const { place } of passages) {
    if (place.kind !== 'box') throw new Error('a line has no box');
    expect(place.x + place.width).toBeLessThanOrEqual(png.readUInt32BE(16));
    expect(place.y + place.height).toBeLessThanOrEqual(png.readUInt32BE(20));
  }
  expect((await vision.caption(png, signal)).passages[0]!.text).toMatch(/^A .* page/);
});

test('as a process of its own it fails as often as asked, and counts', async () => {
  const process = await startStubModels({ ...QUICK, failureRate: 0.3 });
  const embed = (index: number) =>
    fetch(`${process.url}/embeddings`, {
      method: 'POST',
      body: JSON.stringify({ model: 'any', input: `text ${index}` }),
    });
  const answers = await Promise.all(Array.from({ length: 200 }, (_, index) => embed(index)));
  await Promise.all(answers.map((answer) => answer.text()));
  const failed = answers.filter(({ status }) => status === 503).length;
  expect(failed).toBeGreaterThan(30);
  expect(failed).toBeLessThan(90);
  const { embeddings } = await process.stats();
  expect(embeddings).toMatchObject({ requests: 200, failures: failed, items: 200 - failed, inFlight: 0 });
  expect(embeddings.mostPerSecond).toBeGreaterThan(0);
  await process.resetStats();
  expect((await process.stats()).embeddings.requests).toBe(0);
  await process.stop();
});
