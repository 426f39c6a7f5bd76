import { afterAll, beforeAll, expect, it } from 'vitest';
import { RESUME_SIGNAL } from '../../src/domain/workflows.ts';
import { startEarshot, type TestEarshot } from '../support/earshot.ts';
import { startFakeModels, type FakeModels } from '../support/fake-models.ts';
import { picture } from '../support/pictures.ts';
import { findVersion, ready, requestReindex, tell } from '../support/reindexes.ts';
import { findReplay, replayIn, requestReplay } from '../support/replays.ts';
import { until } from '../support/until.ts';

/** More than the worker of pictures takes at a time. */
const SCREENS = 6;

let models: FakeModels;
let earshot: TestEarshot;

beforeAll(async () => {
  models = await startFakeModels();
  earshot = await startEarshot({
    models,
    dials: {
      'pressure.at_least_step': 1,
      'pressure.background_last_pieces': 0,
      'pressure.redo_captions_interval_ms': 0,
      'replay.records_in_parallel': SCREENS,
      'reindex.sample_size': 5,
    },
  });
});
afterAll(async () => {
  await earshot?.stop();
  await models?.stop();
});

const callsOf = (match: { route?: string; model?: string }) =>
  models.calls.filter(
    (call) => (match.route ?? call.route) === call.route && (match.model ?? call.model) === call.model,
  ).length;

async function screenshot(customerId: string): Promise<string> {
  const metadata = { screenshotId: customerId, customerId, capturedAt: new Date().toISOString() };
  return (await earshot.upload('/v1/screenshots', 'image', await picture(), metadata)).body.interactionId;
}

/** Captions that lack are acknowledged. */
async function reindex(dimensions: number): Promise<number> {
  const wanted = { embeddingModel: `fake-${dimensions}`, dimensions, acknowledge: true };
  return (await requestReindex(earshot, wanted)).body.version;
}

it('reprocessing comes to nothing under pressure, takes no lane from live records, and goes on afterwards', async () => {
  models.failAlways('screen_caption', { kind: 'status', status: 400 });
  const lacking: string[] = [];
  for (let index = 0; index < SCREENS; index++) lacking.push(await screenshot(`lacking-${index}`));
  for (const id of lacking) await earshot.settled(id, 'reachable');
  models.heal();
  const asked = callsOf({ route: 'screen_caption' });

  const given = await reindex(128);
  await until('it is held', async () => (await findVersion(earshot, given)).heldBy === 'slow_reprocessing');
  const replayId = await requestReplay(earshot, { only: 'missing', kinds: ['caption'] });
  await until('it is held', async () => (await findReplay(earshot, replayId)).heldBy === 'slow_reprocessing');
  await until('the workflow has been told so', async () => {
    const { events } = await earshot.temporal.getHandle(`replay/${replayId}`).fetchHistory();
    return events!.filter(({ timerStartedEventAttributes: timer }) => Boolean(timer)).length > SCREENS;
  });
  // The one by which it was looked whether there is such a model.
  expect(callsOf({ model: 'fake-128' })).toBe(1);
  // Its vector for the version beside is live too.
  const live = await screenshot('live');
  expect(await earshot.settled(live, 'reachable')).toMatchObject({ degraded: [] });
  expect(callsOf({ route: 'screen_caption' })).toBe(asked + 1);

  await tell(earshot, given, 'cancel');
  await until('the version is gone', async () => (await findVersion(earshot, given)).removedAt !== null);
  const wanted = await reindex(256);
  await earshot.request('PUT', '/v1/dials/pressure.at_least_step', { value: 0 });
  expect((await replayIn(earshot, replayId, 'completed')).records).toMatchObject({ repaired: SCREENS, failed: 0 });
  expect(callsOf({ route: 'screen_caption' })).toBe(asked + 1 + SCREENS);
  await ready(earshot, wanted);
  expect(await findVersion(earshot, wanted)).toMatchObject({ heldBy: null });
});

it('a replay that meets a paused model takes no lane from live records, and goes on when it runs again', async () => {
  await earshot.request('PUT', '/v1/dials/pressure.at_least_step', { value: 0 });
  models.failAlways('screen_caption', { kind: 'status', status: 400 });
  const lacking: string[] = [];
  for (let index = 0; index < SCREENS; index++) lacking.push(await screenshot(`without-${index}`));
  for (const id of lacking) await earshot.settled(id, 'reachable');
  models.heal();
  // Its captions are made, and wait for their vectors.
  await earshot.request('POST', '/v1/sources/embedding/pause');
  const replayId = await requestReplay(earshot, { only: 'missing', kinds: ['caption'] });
  await until('each caption is made', async () => {
    const made = await earshot.database.query(
      `select from artifact where interaction_id = any($1) and kind = 'caption' and state = 'staged'`,
      [lacking],
    );
    return made.length === SCREENS;
  });
  const live = await screenshot('live while it waits');
  await until('its text is read', async () => {
    const { body } = await earshot.request<{ waitsFor: string | null }>('GET', `/v1/interactions/${live}`);
    return body.waitsFor === 'embedding';
  });
  await earshot.request('POST', '/v1/sources/embedding/resume');
  expect((await replayIn(earshot, replayId, 'completed')).records).toMatchObject({ repaired: SCREENS, failed: 0 });
  await earshot.settled(live, 'reachable');
});

it('a page of records that are held back for long goes on in a new run, which finds them again', async () => {
  models.failAlways('screen_caption', { kind: 'status', status: 400 });
  const lacking = await screenshot('held-for-long');
  await earshot.settled(lacking, 'reachable');
  models.heal();
  await earshot.request('PUT', '/v1/dials/pressure.at_least_step', { value: 1 });
  await until('the step is taken', async () => {
    const { body } = await earshot.request<{ pressure: { step: string } }>('GET', '/v1/backlog?window=1s&points=1');
    return body.pressure.step === 'slow_reprocessing';
  });
  const replayId = await requestReplay(earshot, { only: 'missing', kinds: ['caption'], customerId: 'held-for-long' });
  await until('it is held', async () => (await findReplay(earshot, replayId)).heldBy === 'slow_reprocessing');
  const handle = earshot.temporal.getHandle(`replay/${replayId}`);
  const { runId } = await handle.describe();
  // What nobody has paused goes on as it did: each is two lines of the history, as a look at a held record is a few.
  await until('the history is long', async () => {
    await Promise.all(Array.from({ length: 100 }, () => handle.signal(RESUME_SIGNAL)));
    const { historyLength } = await handle.describe();
    return historyLength > 5_000 || (await handle.describe()).runId !== runId;
  });
  await until('a new run goes on', async () => (await handle.describe()).runId !== runId);
  expect(await findReplay(earshot, replayId)).toMatchObject({ state: 'running', heldBy: 'slow_reprocessing' });
  await earshot.request('PUT', '/v1/dials/pressure.at_least_step', { value: 0 });
  expect((await replayIn(earshot, replayId, 'completed')).records).toMatchObject({ seen: 1, repaired: 1, failed: 0 });
});
