import { afterAll, beforeAll, expect, it } from 'vitest';
import { TASK_QUEUES } from '../../src/domain/task-queues.ts';
import { prepareEarshot, type TestEarshot } from '../support/earshot.ts';
import { AT_ONCE, erase } from '../support/erasures.ts';
import { holdRoute, startFakeModels, type FakeModels } from '../support/fake-models.ts';
import { remainsOf } from '../support/remains.ts';
import { tone } from '../support/sound.ts';

let models: FakeModels;
let earshot: TestEarshot;

beforeAll(async () => {
  models = await startFakeModels();
  earshot = await prepareEarshot({ models, dials: { ...AT_ONCE, 'erasure.drain_ms': 60_000 } });
  await earshot.start({ entry: 'workers/api.ts' });
  await earshot.start({ entry: 'workers/main.ts', args: TASK_QUEUES.filter((queue) => queue !== 'audio') });
});
afterAll(async () => {
  await earshot?.stop();
  await models?.stop();
});

it('a worker that slept through the erasure, with the key in its memory, brings nothing back', async () => {
  const zombie = await earshot.start({ entry: 'workers/main.ts', args: ['audio'] });
  const held = holdRoute(models, 'transcriptions');
  const startedAt = new Date(Date.now() - 60_000).toISOString();
  const call = { callId: 'undead', customerId: 'sleeper', startedAt };
  const { body } = await earshot.upload('/v1/calls', 'audio', tone(2), call);
  await held.arrived();
  zombie.child.kill('SIGSTOP');
  held.release();
  await erase(earshot, 'sleeper');
  zombie.child.kill('SIGCONT');
  await zombie.stop();
  expect(zombie.child.exitCode).toBe(0);
  expect(await remainsOf(earshot, 'sleeper')).toEqual({});
  expect((await earshot.interaction(body.interactionId)).state).toBe('erased');
});
