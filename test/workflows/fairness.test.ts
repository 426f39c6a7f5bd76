import { Client } from '@temporalio/client';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { keyedIds } from '../../src/domain/ids.ts';
import { priorityOf } from '../../src/temporal/priority.ts';
import { ringVia } from '../../src/temporal/ring.ts';
import { startEarshot, type TestEarshot } from '../support/earshot.ts';
import { startFakeModels, type FakeModels } from '../support/fake-models.ts';
import { picture } from '../support/pictures.ts';
import { until } from '../support/until.ts';

/** Screenshots, of two steps each; the worker of pictures takes four steps at a time. */
const FLOOD = 12;

let models: FakeModels;
let earshot: TestEarshot;

beforeAll(async () => {
  models = await startFakeModels();
  earshot = await startEarshot({ models, dials: { 'sweep.ring_after_ms': 600_000 } });
});
afterAll(async () => {
  await earshot?.stop();
  await models?.stop();
});

async function screenshot(customerId: string, id: string, capturedAt = new Date()) {
  const metadata = { screenshotId: id, customerId, capturedAt: capturedAt.toISOString() };
  const { body } = await earshot.upload('/v1/screenshots', 'image', await picture(), metadata);
  await stepsWait(body.workflowId);
  return body.interactionId;
}

const stepsWait = (workflowId: string) =>
  until('its steps wait in the queue', async () => {
    const { raw } = await earshot.temporal.getHandle(workflowId).describe();
    return raw.pendingActivities?.length === 2;
  });

/** How many artifacts of others were made before the first of a record. */
async function madeBefore(interactionId: string): Promise<number> {
  const [row] = await earshot.database.query<{ n: number }>(
    `select count(*)::integer as n from artifact where created_at <
      (select min(created_at) from artifact where interaction_id = $1)`,
    [interactionId],
  );
  return row!.n;
}

/** Customers are put into a few shares, by a secret of the deployment. */
function customerOfAnotherShareThan(customerId: string): string {
  const ids = keyedIds(Buffer.from(earshot.env['EARSHOT_CUSTOMER_SECRET']!, 'hex'));
  const shareOf = (id: string) => {
    const customerKey = ids.customerKey('default', id);
    return priorityOf({ tenant: 'default', channel: 'screenshot', customerKey }, 'live').fairnessKey;
  };
  const others = Array.from({ length: 100 }, (_, index) => `patient-${index}`);
  return others.find((id) => shareOf(id) !== shareOf(customerId))!;
}

it('a customer who floods a model does not keep another one waiting', async () => {
  // Of captions too: a step that ended would not be seen to wait.
  const held = Promise.withResolvers<void>();
  models.hold = held.promise;
  const flood = [];
  for (let index = 0; index < FLOOD; index++) flood.push(await screenshot('flooding', `flood-${index}`));
  await until('the model is asked', () => models.calls.length > 0);
  const other = await screenshot(customerOfAnotherShareThan('flooding'), 'one');
  models.latencyMs = 20;
  models.hold = undefined;
  held.resolve();
  for (const id of [...flood, other]) await earshot.settled(id, 'reachable');
  // In the order of arrival it would come after both steps of each.
  expect(await madeBefore(other)).toBeLessThan(FLOOD);
});

/** Ends the run of a screenshot and has it begin again as work of which nobody waits for the result. */
async function reprocess(interactionId: string): Promise<void> {
  const [row] = await earshot.database.query<{ session_id: string; customer_key: string; workflow_id: string }>(
    `select s.session_id, s.customer_key, s.workflow_id
     from session s join interaction i using (tenant, session_id) where interaction_id = $1`,
    [interactionId],
  );
  const { session_id: sessionId, customer_key: customerKey, workflow_id: workflowId } = row!;
  await earshot.temporal.getHandle(workflowId).terminate();
  const target = { tenant: 'default', sessionId, channel: 'screenshot', customerKey, workflowId } as const;
  const { connection, options } = earshot.temporal;
  const client = new Client({ connection, namespace: options.namespace });
  await ringVia(client, 'reprocessing')(target, 10_000);
  await stepsWait(workflowId);
}

/** How many artifacts of the others were made before the last of some records. */
async function madeBeforeLast(others: readonly string[], records: readonly string[]): Promise<number> {
  const [row] = await earshot.database.query<{ n: number }>(
    `select count(*)::integer as n from artifact where interaction_id = any($1) and created_at <
      (select max(created_at) from artifact where interaction_id = any($2))`,
    [others, records],
  );
  return row!.n;
}

it('what is live goes before history, and history before what is made anew, whichever was there first', async () => {
  // Two fill the four places of the worker.
  const EACH = 3;
  const held = Promise.withResolvers<void>();
  models.latencyMs = 0;
  models.calls.length = 0;
  models.hold = held.promise;
  const filling = [await screenshot('filling', 'fill-1'), await screenshot('filling', 'fill-2')];
  await until('all places are taken', () => models.calls.length === 4);
  const yearAgo = new Date(Date.now() - 365 * 86_400_000);
  const [anew, history, live]: [string[], string[], string[]] = [[], [], []];
  for (let index = 0; index < EACH; index++) {
    const id = await screenshot(`anew-${index}`, `anew-${index}`, yearAgo);
    await reprocess(id);
    anew.push(id);
  }
  for (let index = 0; index < EACH; index++) history.push(await screenshot(`old-${index}`, `old-${index}`, yearAgo));
  for (let index = 0; index < EACH; index++) live.push(await screenshot(`new-${index}`, `new-${index}`));
  models.latencyMs = 50;
  models.hold = undefined;
  held.resolve();
  for (const id of [...filling, ...anew, ...history, ...live]) await earshot.settled(id, 'reachable');
  // What goes in the places beside the last one of a class.
  expect(await madeBeforeLast(history, live)).toBeLessThan(4);
  expect(await madeBeforeLast(anew, live)).toBe(0);
  expect(await madeBeforeLast(anew, history)).toBeLessThan(4);
});
