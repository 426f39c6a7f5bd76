import { mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import OpenAI, { toFile } from 'openai';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { answersHealth, LOCAL_MODELS, startModels, type ModelsPart } from '../../src/stack/models.ts';
import { endProcess, isAlive, waitUntilReady } from '../../src/stack/processes.ts';
import { CACHE } from '../../src/stack/tools.ts';
import { until } from '../support/until.ts';
import { wordErrorRate } from '../support/word-error-rate.ts';

const { EMBEDDING_MODEL, ASR_MODEL, VISION_MODEL } = LOCAL_MODELS;
const FIXTURES = join(import.meta.dirname, '..', 'fixtures');

describe('a local model server', () => {
  let folder: string;
  let part: ModelsPart;
  let client: OpenAI;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'earshot-models-'));
    const env = { PATH: process.env['PATH'], HOME: join(folder, 'home'), TMPDIR: join(folder, 'temporary') };
    await Promise.all([mkdir(env.HOME), mkdir(env.TMPDIR)]);
    part = await startModels(join(CACHE, 'python'), folder, env);
    await waitUntilReady('models', part.identity, part.logFile, () => answersHealth(part.url));
    client = new OpenAI({ baseURL: part.url, apiKey: 'local', maxRetries: 0 });
  });
  afterAll(async () => {
    if (part !== undefined) await endProcess(part.identity, 'SIGKILL');
    await rm(folder, { recursive: true });
  });

  const transcribe = async (name: string) => {
    const file = await toFile(await readFile(join(FIXTURES, 'calls', `${name}.wav`)), 'call.wav');
    return (await client.audio.transcriptions.create({ model: ASR_MODEL, file })).text;
  };
  const describePicture = async (png: Buffer) => {
    const url = `data:image/png;base64,${png.toString('base64')}`;
    const answer = await client.chat.completions.create({
      model: VISION_MODEL,
      messages: [{ role: 'user', content: [{ type: 'image_url', image_url: { url } }] }],
    });
    return answer.choices[0]?.message.content;
  };

  it.each([
    [1, 500],
    [3_000, 2],
    [1_280, 1],
    [1, 1],
  ])('answers for a picture of %d × %d pixels', async (width, height) => {
    const picture = sharp({ create: { width, height, channels: 3, background: 'red' } });
    expect(await describePicture(await picture.png().toBuffer())).toContain('without text');
  });

  it('gives vectors of the length that is asked for, or says that it cannot', async () => {
    const asked = { model: EMBEDDING_MODEL, input: 'where is my parcel' };
    const { data } = await client.embeddings.create({ ...asked, dimensions: 384 });
    expect(data[0]?.embedding).toHaveLength(384);
    const refusal = client.embeddings.create({ ...asked, dimensions: 256 });
    await expect(refusal).rejects.toMatchObject({ status: 400, param: 'dimensions' });
  });

  it('hears every digit of a card number', async () => {
    const said = (await readFile(join(FIXTURES, 'calls', 'refund-with-card.txt'))).toString();
    expect(wordErrorRate(said, await transcribe('refund-with-card'))).toBeLessThan(0.02);
  });

  it('writes nothing but its log, and nothing into that, though it has heard, read and embedded', async () => {
    await transcribe('delivery-delay');
    expect((await readdir(folder, { recursive: true })).sort()).toEqual([
      'home',
      'logs',
      'logs/models.log',
      'temporary',
    ]);
    expect(await readFile(part.logFile, 'utf8')).toBe('');
  });

  it('ends within seconds when it is told to, giving the answers in work and leaving the queue', async () => {
    const calls = Array.from({ length: 20 }, () => transcribe('delivery-delay'));
    const settled = Promise.allSettled(calls);
    await Promise.any(calls);
    const picture = await readFile(join(FIXTURES, 'screens', 'login-locked.png'));
    const screens = [describePicture(picture), describePicture(picture)];
    // They are read one after the other: now the other one is.
    await Promise.any(screens);
    process.kill(part.identity.pid, 'SIGTERM');
    for (const screen of screens) expect(await screen).toContain('Sign in');
    await until('the server has ended', async () => !(await isAlive(part.identity)));
    expect((await settled).map(({ status }) => status)).toContain('rejected');
    expect(await readFile(part.logFile, 'utf8')).not.toContain('parcel');
  });
});
