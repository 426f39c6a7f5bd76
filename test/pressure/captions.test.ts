import { afterAll, beforeAll, expect, it } from 'vitest';
import { startEarshot, type TestEarshot } from '../support/earshot.ts';
import { AT_ONCE, erase } from '../support/erasures.ts';
import { holdRoute, startFakeModels, type FakeModels } from '../support/fake-models.ts';
import { picture } from '../support/pictures.ts';
import { until } from '../support/until.ts';

const DROP_CAPTIONS = 3;

let models: FakeModels;
let earshot: TestEarshot;

beforeAll(async () => {
  models = await startFakeModels();
  earshot = await startEarshot({
    models,
    dials: { ...AT_ONCE, 'pressure.at_least_step': DROP_CAPTIONS, 'pressure.redo_captions_interval_ms': 1_000 },
  });
});
afterAll(async () => {
  await earshot?.stop();
  await models?.stop();
});

async function screenshot(customerId: string): Promise<string> {
  const metadata = { screenshotId: `of ${customerId}`, customerId, capturedAt: new Date().toISOString() };
  const { body } = await earshot.upload('/v1/screenshots', 'image', await picture(), metadata);
  return body.interactionId;
}

const captions = () => models.calls.filter(({ route }) => route === 'screen_caption').length;
const deferred = async () =>
  (
    await earshot.request<{ failures: { interactionId: string; state: string; pieces: object[] }[] }>(
      'GET',
      '/v1/failures?code=caption_deferred',
    )
  ).body.failures;
const setStep = (value: number) => earshot.request('PUT', '/v1/dials/pressure.at_least_step', { value });

it('captions give way to text under pressure, visibly, and are made once when it is over: after a kill, and for nobody who was erased', async () => {
  const waiting = await screenshot('waiting');
  const second = await screenshot('second');
  const gone = await screenshot('gone');
  for (const id of [waiting, second, gone]) {
    const { artifacts, degraded } = await earshot.settled(id, 'reachable');
    expect(degraded).toEqual(['caption']);
    expect(artifacts).toContainEqual(
      expect.objectContaining({ kind: 'caption', state: 'failed', reason: 'caption_deferred' }),
    );
  }
  const { results } = await earshot.retrieve({ query: 'PAY-4012', customerId: 'waiting' });
  expect(results).toMatchObject([{ interactionId: waiting, degraded: ['caption'] }]);
  expect(captions()).toBe(0);
  expect((await earshot.request<{ text: string }>('GET', '/metrics')).body.text).toContain(
    'earshot_captions_total{outcome="deferred"} 3',
  );
  expect(await deferred()).toHaveLength(3);
  await erase(earshot, 'gone');

  const held = holdRoute(models, 'screen_caption');
  await setStep(0);
  await held.arrived();
  earshot.application!.child.kill('SIGKILL');
  held.release();
  await earshot.start();
  for (const id of [waiting, second]) {
    const { artifacts } = await until('its caption is there', async () => {
      const found = await earshot.interaction(id);
      return found.state === 'reachable' && found.degraded.length === 0 && found;
    });
    expect(artifacts.map(({ kind, state, chunks }) => ({ kind, state, chunks }))).toEqual(
      expect.arrayContaining([
        { kind: 'screen_text', state: 'active', chunks: 1 },
        { kind: 'caption', state: 'active', chunks: 1 },
      ]),
    );
    expect(artifacts).toHaveLength(2);
  }
  expect(await deferred()).toEqual([]);
  const found = await earshot.retrieve({ query: 'red banner', mode: 'vector', customerId: 'second' });
  expect(found.results.map(({ text }) => text)).toContain(models.caption);
  expect(found.results.every(({ degraded }) => degraded.length === 0)).toBe(true);
  expect((await earshot.retrieve({ query: 'red banner', customerId: 'gone' })).results).toEqual([]);
});

it('a screenshot without any text gets its caption also under pressure', async () => {
  await setStep(DROP_CAPTIONS);
  models.screenLines = [];
  // Dials are in force within seconds: until then captions are made anyway.
  const id = await until('the step is in force', async () => {
    const before = captions();
    const probe = await screenshot(`wordless ${before} ${Math.random()}`);
    expect(await earshot.settled(probe, 'reachable')).toMatchObject({ degraded: [] });
    const history = await earshot.temporal.getHandle(`screenshot/${await sessionOf(probe)}`).fetchHistory();
    const steps = history.events!.filter(
      ({ activityTaskScheduledEventAttributes: step }) => step?.activityType?.name === 'captionScreen',
    );
    return steps.length === 2 && probe;
  });
  expect((await earshot.interaction(id)).artifacts).toContainEqual(
    expect.objectContaining({ kind: 'caption', state: 'active' }),
  );
});

it('captions that gave way are kept while the model of pictures is paused, and made once it runs again', async () => {
  await setStep(DROP_CAPTIONS);
  models.screenLines = ['Checkout'];
  await earshot.request('PUT', '/v1/dials/pressure.redo_captions_in_parallel', { value: 1 });
  // Dials are in force within seconds: until then captions are made anyway.
  const waiting = await until('three gave way', async () => {
    await earshot.settled(await screenshot(`patient ${Math.random()}`), 'reachable');
    const found = await deferred();
    return found.length >= 3 && found.map(({ interactionId }) => interactionId);
  });
  const held = holdRoute(models, 'screen_caption');
  await setStep(0);
  await held.arrived();
  await earshot.request('POST', '/v1/sources/vision/pause');
  const from = new Date().toISOString();
  held.release();
  await until('the one under way is made', async () => (await deferred()).length < waiting.length);
  const run = await until('the next run is over', async () => {
    const query = `WorkflowType = 'redoCaptions' and ExecutionStatus = 'Completed' and StartTime > '${from}'`;
    for await (const { workflowId, runId } of earshot.temporal.list({ query })) return { workflowId, runId };
    return undefined;
  });
  expect(await deferred()).toHaveLength(waiting.length - 1);
  const { events } = await earshot.temporal.getHandle(run.workflowId, run.runId).fetchHistory();
  const steps = events!.flatMap(({ activityTaskScheduledEventAttributes: step }) => step?.activityType?.name ?? []);
  expect(steps).toEqual(['findDeferredCaptions']);

  await earshot.request('POST', '/v1/sources/vision/resume');
  for (const id of waiting) {
    await until('its caption is there', async () => (await earshot.interaction(id)).degraded.length === 0);
  }
  expect(await deferred()).toEqual([]);
});

async function sessionOf(interactionId: string): Promise<string> {
  const [row] = await earshot.database.query<{ session_id: string }>(
    'select session_id from interaction where interaction_id = $1',
    [interactionId],
  );
  return row!.session_id;
}
