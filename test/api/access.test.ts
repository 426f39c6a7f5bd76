import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SCOPES } from '../../src/api-keys.ts';
import { ROUTES } from '../../src/api/routes/index.ts';
import { until } from '../support/until.ts';
import { startEarshot, type TestEarshot } from '../support/earshot.ts';

let earshot: TestEarshot;
const keys = Object.fromEntries(SCOPES.map((scope) => [scope, `only-${scope}-key-000001`]));

beforeAll(async () => {
  const list = SCOPES.map((scope) => `${keys[scope]}:${scope}`).join(',');
  earshot = await startEarshot({ env: { EARSHOT_API_KEYS: list } });
});
afterAll(() => earshot?.stop());

const call = (method: string, path: string, key?: string) =>
  fetch(`http://127.0.0.1:${earshot.env['PORT']}${path}`, {
    method,
    ...(key === undefined ? {} : { headers: { authorization: `Bearer ${key}` } }),
  });

const concrete = (path: string) => path.replace(/\{\w+\}/g, '00000000-0000-8000-8000-000000000000');

describe('every route', () => {
  it.each(ROUTES.map(({ method, path, scope }) => [method, path, scope] as const))(
    '%s %s needs %s',
    async (method, path, scope) => {
      expect((await call(method.toUpperCase(), concrete(path))).status).toBe(401);
      expect((await call(method.toUpperCase(), concrete(path), 'an-unknown-key-000001')).status).toBe(401);
      for (const other of SCOPES) {
        const { status } = await call(method.toUpperCase(), concrete(path), keys[other]);
        if (other === scope) expect([200, 202, 400, 404, 415]).toContain(status);
        else expect(status).toBe(403);
      }
    },
  );

  it('is in the OpenAPI document, which needs no key; neither do the docs, health and readiness', async () => {
    const document = (await (await call('GET', '/openapi.json')).json()) as { paths: Record<string, object> };
    for (const { method, path } of ROUTES) expect(document.paths[path]).toHaveProperty(method);
    for (const path of ['/docs', '/healthz', '/readyz']) expect((await call('GET', path)).status).toBe(200);
  });

  it('of metrics needs an operator, and what is no route is a problem', async () => {
    expect((await call('GET', '/metrics')).status).toBe(401);
    expect(await (await call('GET', '/metrics', keys['operator'])).text()).toContain(
      'earshot_database_round_trips_total',
    );
    const nowhere = await call('GET', '/v1/nowhere');
    expect(nowhere.status).toBe(404);
    expect(nowhere.headers.get('content-type')).toContain('application/problem+json');
  });

  it.each(['erasure_load', 'quality_load'])('of metrics reads %s once, for all of its figures', async (statement) => {
    const reads = async () => {
      const text = await (await call('GET', '/metrics', keys['operator'])).text();
      return Number(new RegExp(`round_trips_total\\{statement="${statement}"\\} (\\d+)`).exec(text)?.[1] ?? 0);
    };
    const before = await reads();
    expect(await until('it is read again', async () => (await reads()) - before || undefined)).toBe(1);
  });
});
