import { afterAll, beforeAll, expect, it } from 'vitest';
import { startEarshot, type TestEarshot } from '../support/earshot.ts';
import { startFakeModels, type FakeModels } from '../support/fake-models.ts';
import { exportHistory } from '../support/history.ts';
import { tone } from '../support/sound.ts';
import { until } from '../support/until.ts';

let models: FakeModels;
let earshot: TestEarshot;

beforeAll(async () => {
  models = await startFakeModels();
  earshot = await startEarshot({ models });
});
afterAll(async () => {
  await earshot?.stop();
  await models?.stop();
});

it('an operator finds a run by channel, modality and customer key, and reads what each step did', async () => {
  const metadata = { callId: 'call', customerId: 'ada', startedAt: '2026-01-05T09:00:00Z' };
  const { body } = await earshot.upload('/v1/calls', 'audio', tone(50, [29]), metadata);
  await earshot.settled(body.interactionId, 'reachable');
  const [row] = await earshot.database.query<{ customer_key: string }>('select customer_key from interaction');
  const query = `tenant = 'default' and channel = 'call' and modality = 'audio' and customerKey = '${row!.customer_key}'`;
  const found = await until('the run is visible', async () => {
    const runs = await Array.fromAsync(earshot.temporal.list({ query }));
    return runs.length > 0 && runs;
  });
  expect(found.map(({ workflowId }) => workflowId)).toEqual([body.workflowId]);
  const history = await exportHistory(earshot, body.workflowId);
  const told = [...history.matchAll(/"summary":\s*\{[^}]*\}[^}]*"data":\s*"([^"]+)"/g)].map(([, data]) =>
    String(JSON.parse(Buffer.from(data!, 'base64').toString())),
  );
  expect(told.join('\n')).toMatch(/cut 50 s/);
  expect(told.join('\n')).toMatch(/hear 0–29 s/);
  expect(await earshot.temporal.getHandle(body.workflowId).query('progress')).toMatchObject({
    pieces: 2,
    piecesDone: 2,
  });
});
