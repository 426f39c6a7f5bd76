import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { CANARY_WORKFLOW, RECONCILIATION_WORKFLOW } from '../../src/domain/workflows.ts';
import { API_KEY, prepareEarshot, type TestEarshot } from '../support/earshot.ts';
import { startFakeModels, type FakeModels } from '../support/fake-models.ts';
import { tenantClient, type TenantClient } from '../support/tenant-client.ts';
import { until } from '../support/until.ts';

const ACME_KEY = 'a-key-of-acme-000001';

let models: FakeModels;
let earshot: TestEarshot;
let acme: TenantClient;
let told: string;

beforeAll(async () => {
  models = await startFakeModels();
  const env: Record<string, string> = {
    EARSHOT_API_KEYS: `${API_KEY}:operator,${ACME_KEY}:channel+copilot+operator@acme`,
  };
  earshot = await prepareEarshot({ models, env, dials: { 'canary.poll_ms': 50, 'lineage.flush_interval_ms': 100 } });
  told = join(earshot.folder, 'lineage.ndjson');
  Object.assign(earshot.env, { OPENLINEAGE_URL: pathToFileURL(told).href });
  await earshot.start();
  acme = tenantClient(earshot, ACME_KEY);
});
afterAll(async () => {
  await earshot?.stop();
  await models?.stop();
});

const run = (workflow: string) =>
  earshot.temporal.execute<() => Promise<unknown>>(workflow, { workflowId: workflow, taskQueue: 'batch', args: [] });

it('a tenant that has sent nothing yet is watched, compared and counted as any other', async () => {
  await run(CANARY_WORKFLOW);
  await run(RECONCILIATION_WORKFLOW);
  const canaries = await earshot.database.query<{ modality: string; code: string | null }>(
    `select modality, code from canary where tenant = 'acme' and reachable_at is not null order by modality`,
  );
  expect(canaries.map(({ modality, code }) => [modality, code])).toEqual([
    ['audio', null],
    ['chat', null],
    ['screenshot', null],
  ]);
  const { reconciliations } = (await acme.request<{ reconciliations: object[] }>('GET', '/v1/reconciliations')).body;
  expect(reconciliations).toMatchObject([{ scope: 'all', unrepairable: {} }]);
  const metrics = await tenantClient(earshot, API_KEY).request<string>('GET', '/metrics');
  expect(metrics.body).toMatch(/^earshot_canary_age_seconds\{tenant="acme",modality="chat"\} /m);
});

it('the first record of a tenant is found, and the lineage of it told', async () => {
  const { body } = await acme.message('ann', 'm-1', 'My trumpet squeaks.');
  await acme.reachable(body.interactionId);
  expect((await acme.retrieve({ query: 'what squeaks' })).results).toMatchObject([{ text: 'My trumpet squeaks.' }]);
  await until('its steps are told of', async () =>
    (await readFile(told, 'utf8').catch(() => '')).includes('"earshot/acme"'),
  );
  const left = `select from lineage_event where tenant = 'acme'`;
  await until('nothing waits to be told', async () => (await earshot.database.query(left)).length === 0);
});
