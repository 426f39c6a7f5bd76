import { Client } from '@temporalio/client';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Quotas } from '../../src/api/quotas.ts';
import { readConfig } from '../../src/config.ts';
import { dialValues } from '../../src/domain/dials.ts';
import { openDependencies, type Dependencies } from '../../workers/dependencies.ts';
import { API_KEY, startEarshot, type TestEarshot } from '../support/earshot.ts';
import { holdRoute, startFakeModels, type FakeModels } from '../support/fake-models.ts';
import { picture } from '../support/pictures.ts';
import { until } from '../support/until.ts';

const QUOTA = 16;
const FLOOD = 20;
const ACME_KEY = 'a-key-of-acme-000001';

let models: FakeModels;
let earshot: TestEarshot;
let deps: Dependencies;

beforeAll(async () => {
  models = await startFakeModels();
  earshot = await startEarshot({
    models,
    dials: { 'quota.live_records_per_minute': QUOTA, 'pressure.redo_captions_interval_ms': 0 },
    env: { EARSHOT_API_KEYS: `${API_KEY}:channel+copilot+operator,${ACME_KEY}:channel@acme` },
  });
  const config = { ...readConfig({ ...earshot.env }), LOG_LEVEL: 'silent' as const };
  deps = await openDependencies(config, new Client({ connection: earshot.connection }));
});
afterAll(async () => {
  await deps?.close();
  await earshot?.stop();
  await models?.stop();
});

async function ofAcme(screenshotId: string): Promise<{ status: number; interactionId: string }> {
  const body = new FormData();
  body.set('metadata', JSON.stringify({ screenshotId, customerId: 'one', capturedAt: new Date().toISOString() }));
  body.set('image', new Blob([new Uint8Array(await picture())]), 'upload');
  const url = `http://127.0.0.1:${earshot.env['PORT']}/v1/screenshots`;
  const response = await fetch(url, { method: 'POST', body, headers: { authorization: `Bearer ${ACME_KEY}` } });
  return { status: response.status, ...((await response.json()) as { interactionId: string }) };
}

/** Far enough from the end of a minute for all that follows to be in one. */
const early = () => until('a minute is young', () => Date.now() % 60_000 < 30_000);

it('a tenant that floods is refused beyond its quota, and another one is taken and served before the flood is', async () => {
  await early();
  const held = holdRoute(models, 'screen_text');
  const upload = async (index: number) => {
    const capturedAt = new Date().toISOString();
    const metadata = { screenshotId: `flood-${index}`, customerId: `flooding-${index}`, capturedAt };
    return earshot.upload('/v1/screenshots', 'image', await picture(), metadata);
  };
  const taken: string[] = [];
  let refused = 0;
  for (let index = 0; index < FLOOD; index++) {
    const { status, body, headers } = await upload(index);
    if (status === 202) {
      taken.push(body.interactionId);
      continue;
    }
    refused += 1;
    expect(body).toMatchObject({
      type: 'urn:earshot:quota_exceeded',
      details: { quota: 'quota.live_records_per_minute', limit: QUOTA },
    });
    expect(Number(headers.get('retry-after'))).toBeLessThanOrEqual(60);
  }
  expect(taken).toHaveLength(QUOTA);
  expect(refused).toBe(FLOOD - QUOTA);
  const old = await earshot.message({ sentAt: '2026-01-05T09:00:00Z' });
  // History has a quota of its own.
  expect(old.status).toBe(202);

  const other = await ofAcme('of the other');
  expect(other.status).toBe(202);
  const queued = `select from freshness where state = 'processing' and modality = 'screenshot'`;
  await until('all wait for the model', async () => (await earshot.database.query(queued)).length === QUOTA + 1);
  models.latencyMs = 50;
  held.release();
  for (const id of taken) await earshot.settled(id, 'reachable');
  const order = await earshot.database.query<{ tenant: string }>(
    `select tenant from artifact where kind in ('screen_text', 'caption') order by created_at`,
  );
  // In the order of arrival both steps of each of the flood would come before.
  expect(order.map(({ tenant }) => tenant).indexOf('acme')).toBeLessThan(1.5 * QUOTA);
});

it('a tenant has a quota of its own where the operator gives it one, at once and for no other', async () => {
  await early();
  const quota = '/v1/tenants/acme/quotas/quota.live_records_per_minute';
  const history = () =>
    earshot.database.query(
      `select tenant, old_value, new_value from dial_change where tenant is not null order by change_id`,
    );
  const overrides = async () => {
    const { body } = await earshot.request<{ dials: { name: string; overrides: object[] }[] }>('GET', '/v1/dials');
    return body.dials.find(({ name }) => name === 'quota.live_records_per_minute')!.overrides;
  };
  expect((await earshot.request('PUT', quota, { value: 1 })).body).toMatchObject({ value: 1, isDefault: false });
  expect(await overrides()).toMatchObject([{ tenant: 'acme', value: 1 }]);
  // Whether or not something of this minute was used before.
  await ofAcme('used');
  expect(await ofAcme('beyond')).toMatchObject({
    ...{
      status: 429,
      type: 'urn:earshot:quota_exceeded',
      details: { quota: 'quota.live_records_per_minute', limit: 1 },
    },
  });
  expect((await earshot.request('PUT', quota, { value: 0 })).status).toBe(200);
  expect((await ofAcme('without a limit')).status).toBe(202);
  expect((await earshot.request('DELETE', quota)).body).toMatchObject({ value: QUOTA, isDefault: true });
  expect((await earshot.request('DELETE', quota)).status).toBe(200);
  expect(await overrides()).toEqual([]);
  expect(await history()).toEqual([
    { tenant: 'acme', old_value: null, new_value: 1 },
    { tenant: 'acme', old_value: 1, new_value: 0 },
    { tenant: 'acme', old_value: 0, new_value: null },
  ]);
  for (const path of [
    '/v1/tenants/nobody/quotas/quota.live_records_per_minute',
    '/v1/tenants/acme/quotas/late.after_ms',
  ]) {
    expect((await earshot.request('PUT', path, { value: 1 })).status).toBe(404);
  }
  expect((await earshot.request('PUT', quota, { value: -1 })).status).toBe(400);
});

it('processes share a quota, and a lone record asks the database nothing', async () => {
  await early();
  const tells: unknown[][] = [];
  const database = {
    forTenant: (tenant: string) => {
      const tenantDatabase = deps.database.forTenant(tenant);
      const app = {
        query: (config: Parameters<typeof tenantDatabase.app.query>[0]) => {
          tells.push(config.values);
          return tenantDatabase.app.query(config);
        },
      };
      return { ...tenantDatabase, app };
    },
  };
  const values = dialValues([{ name: 'quota.live_records_per_minute', value: 1_000 }]);
  const open = () =>
    new Quotas({
      database,
      dials: { get: (name) => values[name] },
      limits: { of: (_tenant, name) => values[name] },
      log: deps.log,
    });
  const [one, other] = [open(), open()];
  const take = (quotas: Quotas, times: number) => {
    for (let count = 0; count < times; count++) quotas.take('acme', 'live', { records: 1, bytes: 1 });
  };
  take(one, 1);
  expect(tells).toEqual([]);
  take(one, 499);
  take(other, 20);
  const told = async () => {
    const [row] = await earshot.database.query<{ used: string }>(
      `select used from quota_use where tenant = 'acme' and quota = 'quota.live_records_per_minute'
       order by minute desc limit 1`,
    );
    return Number(row?.used ?? 0);
  };
  await until('both have told', async () => (await told()) >= 40);
  // What was used while a report was under way goes with the next one.
  take(one, 20);
  await until('all is told', async () => (await told()) >= 500);
  take(other, 20);
  await until('the other has heard of it', async () => (await told()) >= 540);
  expect(() => take(other, 480)).toThrow('used up');
});

it('use that could not be told is logged, and told with the next', async () => {
  await early();
  const warnings: object[] = [];
  let away = true;
  const database = {
    forTenant: (tenant: string) => {
      const tenantDatabase = deps.database.forTenant(tenant);
      const query = (config: Parameters<typeof tenantDatabase.app.query>[0]) =>
        away ? Promise.reject(new Error('away')) : tenantDatabase.app.query(config);
      return { ...tenantDatabase, app: { query } };
    },
  };
  const values = dialValues([{ name: 'quota.bulk_records_per_minute', value: 100 }]);
  const log = { warn: (fields: object) => void warnings.push(fields) };
  const quotas = new Quotas({
    database,
    dials: { get: (name) => values[name] },
    limits: { of: (_tenant, name) => values[name] },
    log,
  });
  quotas.take('acme', 'bulk', { records: 10, bytes: 1 });
  await until('the failure is logged', () => warnings.length > 0);
  expect(warnings).toEqual([expect.objectContaining({ tenant: 'acme', quota: 'quota.bulk_records_per_minute' })]);
  away = false;
  quotas.take('acme', 'bulk', { records: 10, bytes: 1 });
  await until('all is told', async () => {
    const [row] = await earshot.database.query<{ used: string }>(
      `select used from quota_use where tenant = 'acme' and quota = 'quota.bulk_records_per_minute'
       order by minute desc limit 1`,
    );
    return Number(row?.used ?? 0) === 20;
  });
});
