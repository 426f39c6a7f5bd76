import { afterAll, beforeAll, expect, it } from 'vitest';
import { API_KEY, prepareEarshot, type TestEarshot } from '../support/earshot.ts';
import { AT_ONCE } from '../support/erasures.ts';
import { tenantClient, type TenantClient } from '../support/tenant-client.ts';
import { until } from '../support/until.ts';

const ACME_KEY = 'a-key-of-acme-000001';
const FLOOD = 24;

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

it('an erasure does not wait for the many that another tenant asked for before', async () => {
  await earshot.start({ entry: 'workers/api.ts' });
  await askFor(
    tenantClient(earshot, API_KEY),
    Array.from({ length: FLOOD }, (_, index) => `customer-${index}`),
  );
  await askFor(tenantClient(earshot, ACME_KEY), ['ann']);
  await earshot.start({ entry: 'workers/main.ts', args: ['batch'] });
  const done = await until('all are erased', async () => {
    const rows = await earshot.database.query<{ tenant: string }>(
      `select tenant from erasure where state = 'completed' order by completed_at`,
    );
    return rows.length === FLOOD + 1 && rows;
  });
  // Without turns its steps come behind those of all others: it is about the middle one to be done.
  expect(done.map(({ tenant }) => tenant).indexOf('acme')).toBeLessThan(FLOOD / 3);
});
