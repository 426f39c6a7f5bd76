import { afterAll, beforeAll, expect, it } from 'vitest';
import { startEarshot, type TestEarshot } from '../support/earshot.ts';
import { startFakeModels, type FakeModels } from '../support/fake-models.ts';
import { buildVersion, findVersion, ready, requestReindex, tell } from '../support/reindexes.ts';
import { until } from '../support/until.ts';

const TEXTS = 40;

let models: FakeModels;
let earshot: TestEarshot;

beforeAll(async () => {
  models = await startFakeModels();
  earshot = await startEarshot({
    models,
    dials: {
      'reindex.chunks_per_request': 8,
      'reindex.requests_in_flight': 2,
      'reindex.sample_size': 5,
      'reindex.min_share_beside_live': 0.5,
      // The measurement after the walk comes when the conversation is asleep again.
      'reindex.live_linger_ms': 60_000,
      // Vectors of live texts for the version beside wait for no turn.
      'reindex.beside_deadline_ms': 0,
    },
  });
  const accepted = await Promise.all(
    Array.from({ length: TEXTS }, (_, index) => earshot.message({ conversationId: `c-${index % 5}` })),
  );
  for (const { body } of accepted) await earshot.settled(body.interactionId, 'reachable');
  // Long enough for the next request to arrive meanwhile.
  models.latencyMs = 50;
});
afterAll(async () => {
  await earshot?.stop();
  await models?.stop();
});

/** Texts per request for the model, and how many requests were under way, at the most. */
function load(model: string) {
  const calls = models.calls.filter((call) => call.model === model);
  expect(calls.flatMap(({ inputs }) => inputs).length).toBeGreaterThanOrEqual(TEXTS);
  return {
    texts: Math.max(...calls.map(({ inputs }) => inputs.length)),
    inFlight: Math.max(...calls.map(({ inFlight }) => inFlight)),
  };
}

it('a re-embedding asks for few texts, one request at a time, while a conversation is awake, else for all it may', async () => {
  const alone = await buildVersion(earshot, 128);
  expect(load('fake-128')).toEqual({ texts: 8, inFlight: 2 });
  await tell(earshot, alone.version, 'cancel');
  await until('the version is gone', async () => (await findVersion(earshot, alone.version)).removedAt !== null);

  // Live texts get no vectors: their conversation stays awake.
  models.down = earshot.env['EMBEDDING_MODEL'];
  const { body: live } = await earshot.message({ conversationId: 'awake' });
  const { body: asked } = await requestReindex(earshot, { embeddingModel: 'fake-256', dimensions: 256 });
  await until('all is embedded', async () => {
    const { progress } = await findVersion(earshot, asked.version);
    return (progress.added ?? 0) >= TEXTS;
  });
  models.down = undefined;
  await earshot.settled(live.interactionId, 'reachable');
  expect((await ready(earshot, asked.version)).evidence).toMatchObject({ parityShare: 1, canaries: 1 });
  expect(load('fake-256')).toEqual({ texts: 2, inFlight: 1 });
});
