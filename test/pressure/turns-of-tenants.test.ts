import { afterAll, beforeAll, expect, it } from 'vitest';
import { API_KEY, startEarshot, type TestEarshot } from '../support/earshot.ts';
import { holdRoute, startFakeModels, type FakeModels } from '../support/fake-models.ts';
import { tenantClient } from '../support/tenant-client.ts';

const ACME_KEY = 'a-key-of-acme-000001';
/** Conversations of a message each: more than a process has under way at a time (200). */
const FLOOD = 300;
const AT_A_TIME = 50;

let models: FakeModels;
let earshot: TestEarshot;

beforeAll(async () => {
  models = await startFakeModels();
  earshot = await startEarshot({
    models,
    dials: { 'embedding.join_max_texts': 4 },
    env: { EARSHOT_API_KEYS: `${API_KEY}:channel+copilot,${ACME_KEY}:channel+copilot@acme` },
  });
});
afterAll(async () => {
  await earshot?.stop();
  await models?.stop();
});

it('a message does not wait until the flood of another tenant, which came before it, is through', async () => {
  const held = holdRoute(models, 'embeddings');
  const flooding = tenantClient(earshot, API_KEY);
  const flood: string[] = [];
  for (let begun = 0; begun < FLOOD; begun += AT_A_TIME) {
    const taken = await Promise.all(
      Array.from({ length: AT_A_TIME }, (_, index) =>
        flooding.message(`customer-${begun + index}`, 'm-1', `What customer ${begun + index} says.`),
      ),
    );
    flood.push(...taken.map(({ body }) => body.interactionId));
  }
  const acme = tenantClient(earshot, ACME_KEY);
  const { body } = await acme.message('ann', 'm-1', 'My trumpet squeaks.');
  models.latencyMs = 150;
  held.release();
  await acme.reachable(body.interactionId);
  for (const id of flood) await flooding.reachable(id);
  const order = await earshot.database.query<{ tenant: string }>('select tenant from freshness order by reachable_at');
  const place = order.map(({ tenant }) => tenant).indexOf('acme');
  // In the order in which they asked the model it would come behind all that were under way.
  expect(place).toBeLessThan(FLOOD / 2);
});
