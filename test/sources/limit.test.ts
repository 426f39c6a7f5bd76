import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startApplication, type RunningApplication } from '../../src/stack/application.ts';
import { freePort } from '../../src/stack/processes.ts';
import { API_KEY, startEarshot, type TestEarshot } from '../support/earshot.ts';
import { startFakeModels, type FakeModels } from '../support/fake-models.ts';
import { until } from '../support/until.ts';

const PER_SECOND = 20;

let models: FakeModels;
let earshot: TestEarshot;
let second: RunningApplication;

beforeAll(async () => {
  models = await startFakeModels();
  earshot = await startEarshot({
    models,
    dials: {
      'models.embedding_requests_per_second': PER_SECOND,
      // Each message asks for itself.
      'embedding.join_max_texts': 1,
      'embedding.requests_in_flight': 100,
    },
  });
  const env = { ...earshot.env, PORT: String(await freePort(0)) };
  second = await startApplication({ env, folder: join(earshot.folder, 'second') });
});
afterAll(async () => {
  await second?.stop();
  await earshot?.stop();
  await models?.stop();
});

const embeddings = () => models.calls.filter(({ route }) => route === 'embeddings');

/** Most arrivals in any stretch of a second that begins with one. */
function mostInASecond(times: readonly number[]): number {
  return Math.max(...times.map((from) => times.filter((at) => at >= from && at < from + 1_000).length));
}

let asked = 0;

/** Asks both processes a question of its own, which needs a vector; some are answered by words alone. */
const ask = () => {
  const question = JSON.stringify({ query: `question ${(asked += 1)}` });
  const headers = { authorization: `Bearer ${API_KEY}`, 'content-type': 'application/json' };
  const urls = [second.url, `http://127.0.0.1:${earshot.env['PORT']}`];
  return Promise.all(urls.map((url) => fetch(`${url}/v1/retrieve`, { method: 'POST', headers, body: question })));
};

/** Messages of as many conversations, and questions, all at once; answers when all messages are reachable. */
async function flood(): Promise<void> {
  const questions = Promise.all(Array.from({ length: 25 }, ask));
  const sent = await Promise.all(
    Array.from({ length: 20 }, (_, index) => earshot.message({ customerId: `customer-${index}-${asked}` })),
  );
  for (const { body } of sent) await earshot.settled(body.interactionId, 'reachable');
  await questions;
}

const closedForMs = async () => {
  type Sources = { sources: { source: string; limits: { closedForMs: number } }[] };
  const { body } = await earshot.request<Sources>('GET', '/v1/sources');
  return body.sources.find(({ source }) => source === 'embedding')!.limits.closedForMs;
};

describe('a limit of requests per second', () => {
  it('holds for two processes together: the endpoint never sees more, and every message becomes reachable', async () => {
    // The endpoint is in this process, and tells times as late as it is held up.
    const held = monitorEventLoopDelay({ resolution: 5 });
    held.enable();
    await flood();
    held.disable();
    const times = embeddings().map(({ at }) => at);
    expect(times.length).toBeGreaterThan(2 * PER_SECOND);
    // There is no burst; one more is left to how precisely times are told.
    const late = Math.floor((held.max / 1e9) * PER_SECOND);
    expect(mostInASecond(times)).toBeLessThanOrEqual(PER_SECOND + 1 + late);
    // Both asked.
    for (const count of await grantsOfEach()) expect(count).toBeGreaterThan(0);
  });

  it('gives way to what the endpoint says: after a 429 no process asks before its time', async () => {
    const known = embeddings().length;
    models.fail('embeddings', { kind: 'status', status: 429, retryAfter: '3' });
    const { body } = await earshot.message({ customerId: 'told-to-wait' });
    await until('it is closed', async () => (await closedForMs()) > 1_000);
    const others = [ask(), earshot.message({ customerId: 'another' })] as const;
    await earshot.settled(body.interactionId, 'reachable');
    await earshot.settled((await others[1]).body.interactionId, 'reachable');
    await others[0];
    const [refused, ...after] = embeddings().slice(known);
    expect(after.length).toBeGreaterThanOrEqual(2);
    expect(Math.min(...after.map(({ at }) => at)) - refused!.at).toBeGreaterThan(2_900);
  });

  it('of 0 is none, and costs no round trip', async () => {
    await earshot.request('PUT', '/v1/dials/models.embedding_requests_per_second', { value: 0 });
    await until('the other process knows', async () => {
      const before = await grants();
      await ask();
      return (await grants()) === before;
    });
    const [known, before] = [embeddings().length, await grants()];
    await flood();
    expect(await grants()).toBe(before);
    // What the first test would have seen.
    expect(
      mostInASecond(
        embeddings()
          .slice(known)
          .map(({ at }) => at),
      ),
    ).toBeGreaterThan(PER_SECOND + 1);
  });

  const grants = async () => (await grantsOfEach()).reduce((sum, count) => sum + count, 0);

  /** Statements that each process has sent to the limiter. */
  async function grantsOfEach(): Promise<number[]> {
    const urls = [second.url, `http://127.0.0.1:${earshot.env['PORT']}`];
    const headers = { authorization: `Bearer ${API_KEY}` };
    const texts = await Promise.all(urls.map(async (url) => (await fetch(`${url}/metrics`, { headers })).text()));
    const counted = /database_round_trips_total\{statement="grant_slots"\} (\d+)/;
    return texts.map((text) => Number(counted.exec(text)?.[1] ?? 0));
  }
});
