import { afterAll, beforeAll, expect, it } from 'vitest';
import { CANARY_WORKFLOW } from '../../src/domain/workflows.ts';
import { startEarshot, type TestEarshot } from '../support/earshot.ts';
import { startFakeModels, type FakeModels } from '../support/fake-models.ts';
import { until } from '../support/until.ts';

/** Shorter than a worker waits for its steps when it stops: a step that goes on meanwhile comes to an end. */
const BUDGET_MS = 12_000;

let models: FakeModels;
let earshot: TestEarshot;

beforeAll(async () => {
  models = await startFakeModels();
  earshot = await startEarshot({ models, dials: { 'canary.audio_budget_ms': BUDGET_MS, 'sweep.interval_ms': 200 } });
});
afterAll(async () => {
  await earshot?.stop();
  await models?.stop();
});

it('a stop in the middle of a round calls no canary lost: the round is handed back, and goes on after a start', async () => {
  await earshot.request('POST', '/v1/sources/speech/pause');
  const run = await earshot.temporal.start<() => Promise<{ planted: number; failed: number }>>(CANARY_WORKFLOW, {
    workflowId: 'a-round',
    taskQueue: 'batch',
    args: [],
  });
  const ended = `select from canary where ended_at is not null`;
  await until('it waits for the call alone', async () => (await earshot.database.query(ended)).length === 2);
  await earshot.application!.stop();
  expect((await run.describe()).status.name).toBe('RUNNING');
  expect(await earshot.database.query('select from canary where code is not null')).toEqual([]);
  expect(await earshot.database.query('select from quality_violation')).toEqual([]);
  const logs = await earshot.logs();
  expect(logs).toContain('step handed back');
  expect(logs).not.toContain('a canary was not reachable');
  await earshot.database.query(`update model_source set state = 'running', cause = null where source = 'speech'`);
  const [first] = await earshot.database.query<{ planted_at: Date }>(
    'select min(planted_at) as planted_at from canary',
  );
  await until('the time of the call is over', () => Date.now() > first!.planted_at.getTime() + BUDGET_MS);
  await earshot.start();
  expect(await run.result()).toEqual({ planted: 3, failed: 0 });
});
