import { Client } from '@temporalio/client';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { erasureWorkflowId } from '../../src/domain/workflows.ts';
import { API_KEY, prepareEarshot, type TestEarshot } from '../support/earshot.ts';
import { AT_ONCE } from '../support/erasures.ts';
import { tenantClient, type TenantClient } from '../support/tenant-client.ts';
import { until } from '../support/until.ts';

const ACME_KEY = 'a-key-of-acme-000001';
const FLOOD = 4;

let earshot: TestEarshot;

beforeAll(async () => {
  const keys = `${API_KEY}:operator,${ACME_KEY}:operator@acme`;
  earshot = await prepareEarshot({ dials: AT_ONCE, env: { EARSHOT_API_KEYS: keys } });
});
afterAll(() => earshot?.stop());

async function askFor(client: TenantClient, customerIds: readonly string[]): Promise<void> {
  const { status } = await client.request('POST', '/v1/erasures', { customerIds, reason: 'asked to go' });
  expect(status).toBe(202);
}

it('erasures of tenants take turns in the queue, each under the key of its own, and all come to their end', async () => {
  await earshot.start({ entry: 'workers/api.ts' });
  await askFor(
    tenantClient(earshot, API_KEY),
    Array.from({ length: FLOOD }, (_, index) => `customer-${index}`),
  );
  await askFor(tenantClient(earshot, ACME_KEY), ['ann']);
  const asked = await earshot.database.query<{ tenant: string; id: string }>(
    'select tenant, erasure_id as id from erasure',
  );
  const client = new Client({ connection: earshot.connection, namespace: earshot.namespace });
  for (const { tenant, id } of asked) {
    const run = client.workflow.getHandle(erasureWorkflowId(id));
    const { priority } = await until('its workflow is started', () => run.describe().catch(() => undefined));
    // The order is Temporal's: of tasks with equal priority it hands out those of each fairness key in turn.
    expect([tenant, priority]).toMatchObject([tenant, { priorityKey: 3, fairnessKey: tenant }]);
  }
  await earshot.start({ entry: 'workers/main.ts', args: ['batch'] });
  await until('all are erased', async () => {
    const rows = await earshot.database.query(`select from erasure where state = 'completed'`);
    return rows.length === FLOOD + 1;
  });
});
