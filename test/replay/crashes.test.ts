import { once } from 'node:events';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { TASK_QUEUES } from '../../src/domain/task-queues.ts';
import { prepareEarshot, type TestEarshot } from '../support/earshot.ts';
import { holdRoute, startFakeModels, type FakeModels } from '../support/fake-models.ts';
import { derivedRows, replayIn, requestReplay } from '../support/replays.ts';
import { tone } from '../support/sound.ts';

const CALLS = 6;
const KILLED_AT = 3;

let models: FakeModels;
let earshot: TestEarshot;

beforeAll(async () => {
  models = await startFakeModels();
  const dials = { 'replay.max_records_per_second': 1_000, 'replay.records_in_parallel': 1, 'replay.page_records': 4 };
  earshot = await prepareEarshot({ models, dials });
  await earshot.start({ entry: 'workers/api.ts' });
});
afterAll(async () => {
  await earshot?.stop();
  await models?.stop();
});

const startWorker = () => earshot.start({ entry: 'workers/main.ts', args: [...TASK_QUEUES] });
const asked = () => models.calls.filter(({ route }) => route === 'transcriptions').length;

it('a worker that is killed in the middle of a replay loses nothing and doubles nothing', async () => {
  const { child } = await startWorker();
  const startedAt = '2026-01-05T09:00:00Z';
  for (let n = 0; n < CALLS; n++) {
    const metadata = { callId: `c${n}`, customerId: `c${n}`, startedAt };
    const { body } = await earshot.upload('/v1/calls', 'audio', tone(2), metadata);
    await earshot.settled(body.interactionId, 'reachable');
  }
  const live = await derivedRows(earshot);
  expect(asked()).toBe(CALLS);

  const replayId = await requestReplay(earshot, { asrModel: 'another' });
  for (let n = 1; n < KILLED_AT; n++) {
    const held = holdRoute(models, 'transcriptions');
    await held.arrived();
    held.release();
  }
  const held = holdRoute(models, 'transcriptions');
  await held.arrived();
  child.kill('SIGKILL');
  await once(child, 'exit');
  held.release();
  await startWorker();

  const { records } = await replayIn(earshot, replayId, 'completed');
  expect(records).toMatchObject({ total: CALLS, seen: CALLS, remade: CALLS, failed: 0 });
  // The answer that was on its way when the worker died is asked for again; all others are kept.
  expect(asked()).toBeLessThanOrEqual(2 * CALLS + 1);
  const states = await earshot.database.query(
    'select model, state, count(*)::integer as artifacts from artifact group by 1, 2 order by 1, 2',
  );
  expect(states).toEqual(
    expect.arrayContaining([
      { model: 'another', state: 'active', artifacts: CALLS },
      { model: expect.not.stringMatching('another') as string, state: 'superseded', artifacts: CALLS },
    ]),
  );
  expect(states.length).toBe(2);
  const back = await requestReplay(earshot);
  expect((await replayIn(earshot, back, 'completed')).records).toMatchObject({ remade: CALLS, failed: 0 });
  expect(await derivedRows(earshot)).toEqual(live);
});
