import { Client } from '@temporalio/client';
import pino from 'pino';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readConfig } from '../../src/config.ts';
import { acceptInteraction } from '../../src/db/intake.ts';
import { ensureSubject } from '../../src/db/subjects.ts';
import { eachTenant } from '../../src/each-tenant.ts';
import type { HistoryBell } from '../../src/temporal/history-bell.ts';
import { openDependencies, type Dependencies } from '../../workers/dependencies.ts';
import { sweepOnce } from '../../workers/sweep.ts';
import { startEarshot, type TestEarshot } from '../support/earshot.ts';
import { interactionOf, textOf } from '../support/records.ts';

const SESSIONS = 5;
const BELL = { ring: () => false, close: () => Promise.resolve() } as unknown as HistoryBell;

let earshot: TestEarshot;
let deps: Dependencies;

beforeAll(async () => {
  // Its own sweep does nothing meanwhile.
  earshot = await startEarshot({ dials: { 'sweep.interval_ms': 3_600_000 } });
  const config = { ...readConfig({ ...earshot.env }), LOG_LEVEL: 'silent' as const };
  deps = await openDependencies(config, new Client({ connection: earshot.connection, namespace: earshot.namespace }));
});
afterAll(async () => {
  await deps?.close();
  await earshot?.stop();
});

const sweep = (ring: () => Promise<void>) => sweepOnce(deps, ring, BELL);

const overdue = async () => {
  const rows = await earshot.database.query<{ session_id: string; rings: number; soon: boolean }>(
    `select session_id, rings, ring_after <= now() + interval '1 minute' as soon from session order by session_id`,
  );
  return rows.map(({ rings, soon }) => ({ rings, soon }));
};

it('a sweep that fails in the middle puts off nobody whom it has not rung for', async () => {
  await earshot.request('PUT', '/v1/dials/sweep.ring_after_ms', { value: 30_000 });
  await deps.dials.refresh();
  const { app } = deps.database.forTenant('default');
  for (let n = 0; n < SESSIONS; n++) {
    const interaction = interactionOf({
      customerKey: String(n)
        .padStart(32, 'a')
        .replace(/[^0-9a-f]/g, '0'),
    });
    await ensureSubject(app, 'default', interaction.customerKey);
    await acceptInteraction(app, interaction, textOf(`waits ${n}`));
  }
  // As after hours without Temporal: rung for in vain again and again.
  await earshot.database.query(`update session set rings = 6, ring_after = now() - interval '1 second'`);
  let tried = 0;
  const away = () => (++tried === 3 ? Promise.reject(new Error('Temporal is away')) : Promise.resolve());
  await expect(sweep(away)).rejects.toThrow('away');
  expect(tried).toBe(3);
  const after = await overdue();
  expect(after.filter(({ rings }) => rings === 7)).toHaveLength(2);
  expect(after.filter(({ rings, soon }) => rings === 6 && soon)).toHaveLength(SESSIONS - 2);
});

describe('what is done for each tenant', () => {
  it('is done for the others when it fails for one, which is told', async () => {
    await earshot.database.query(`insert into tenant (tenant) values ('acme'), ('zenith')`);
    const told: unknown[] = [];
    const log = pino({ level: 'warn' }, { write: (line) => told.push(JSON.parse(line)) });
    const done = await eachTenant({ database: deps.database, log }, 'it failed', (tenant) =>
      tenant === 'acme' ? Promise.reject(new Error('no connection')) : Promise.resolve(tenant.length),
    );
    expect(done).toEqual([
      { tenant: 'default', result: 7 },
      { tenant: 'zenith', result: 6 },
    ]);
    expect(told).toMatchObject([{ tenant: 'acme', msg: 'it failed' }]);
  });

  it('fails when it fails for all', async () => {
    const { database, log } = deps;
    const none = eachTenant({ database, log }, 'it failed', () => Promise.reject(new Error('no connection')));
    await expect(none).rejects.toThrow('no connection');
  });
});
