import { afterAll, beforeAll, expect, it } from 'vitest';
import { keyedIds } from '../../src/domain/ids.ts';
import { priorityOf } from '../../src/temporal/priority.ts';
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
  earshot = await startEarshot({ models });
});
afterAll(async () => {
  await earshot?.stop();
  await models?.stop();
});

async function screenshot(customerId: string, id: string, capturedAt = new Date()) {
  const metadata = { screenshotId: id, customerId, capturedAt: capturedAt.toISOString() };
  const { body } = await earshot.upload('/v1/screenshots', 'image', await picture(), metadata);
  await until('its steps wait in the queue', async () => {
    const { raw } = await earshot.temporal.getHandle(body.workflowId).describe();
    return raw.pendingActivities?.length === 2;
  });
  return body.interactionId;
}

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
