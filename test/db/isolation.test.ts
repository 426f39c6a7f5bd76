import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openDatabase, run, type Database } from '../../src/db/pools.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { interactionOf, textOf } from '../support/records.ts';
import { acceptInteraction } from '../../src/db/intake.ts';
import { ensureSubject } from '../../src/db/subjects.ts';
import { listTenantQuotas, setTenantQuota } from '../../src/db/tenant-quotas.ts';

let owner: TestDatabase;
let database: Database;

beforeAll(async () => {
  owner = await createDatabase();
  database = openDatabase({ url: owner.url });
  await owner.query(`insert into tenant (tenant) values ('acme')`);
  for (const tenant of ['default', 'acme']) {
    const { app } = database.forTenant(tenant);
    const record = interactionOf({ tenant });
    await ensureSubject(app, tenant, record.customerKey);
    await acceptInteraction(app, record, textOf('a text'));
  }
});
afterAll(async () => {
  await database?.close();
  await owner?.drop();
});

const count = (tenant: string) =>
  run<{ tenant: string }>(
    database.forTenant(tenant).reader,
    { name: 'all', text: 'select tenant from interaction' },
    [],
  );

describe('a tenant', () => {
  it('sees its own rows alone, whatever it asks', async () => {
    expect(await count('default')).toEqual([{ tenant: 'default' }]);
    expect(await count('acme')).toEqual([{ tenant: 'acme' }]);
    expect(await count('unknown')).toEqual([]);
  });

  it('sees its own chunks alone also through the view that full-text search reads', async () => {
    const view = (tenant: string) =>
      run(database.forTenant(tenant).reader, { name: 'view', text: 'select tenant from tenant_chunk' }, []);
    expect(await view('default')).toEqual([{ tenant: 'default' }]);
    expect(await view('unknown')).toEqual([]);
  });

  it('is guarded by row-level security in every table that knows tenants', async () => {
    // The table of tenants itself, which every process reads, and that which the view of full-text search reads.
    const rows = await owner.query<{ name: string; enabled: boolean; forced: boolean }>(
      `select relname as name, relrowsecurity as enabled, relforcerowsecurity as forced
       from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attname = 'tenant'
       where c.relkind in ('r', 'p') and c.relnamespace = 'public'::regnamespace and c.relname <> 'tenant'`,
    );
    expect(rows.length).toBeGreaterThan(30);
    expect(rows.filter(({ enabled }) => !enabled)).toEqual([]);
    expect(rows.filter(({ forced }) => !forced).map(({ name }) => name)).toEqual(['chunk']);
  });

  it('reads its own quotas and sets none: they are the deployment’s', async () => {
    for (const tenant of ['default', 'acme']) {
      const change = { tenant, name: 'quota.live_records_per_minute', changedBy: 'key-1' };
      expect(await setTenantQuota(database.deployment, change, 10)).toBe(true);
    }
    expect(await listTenantQuotas(database.deployment)).toHaveLength(2);
    const { app, reader } = database.forTenant('acme');
    expect(await listTenantQuotas(reader)).toMatchObject([{ tenant: 'acme', value: 10 }]);
    const raise = { name: 'raise', text: 'update tenant_quota set value = 0 returning tenant' };
    expect(await run(app, raise, [])).toEqual([]);
    const grant = { name: 'grant', text: `insert into tenant_quota (tenant, name, value) values ('acme', 'x', 0)` };
    await expect(run(app, grant, [])).rejects.toThrow('42501');
    expect(await run(app, { name: 'changes', text: 'select from dial_change' }, [])).toEqual([]);
  });

  it('cannot write rows of another', async () => {
    const { app } = database.forTenant('acme');
    const statement = { name: 'theft', text: `update interaction set tenant = 'default' where tenant = 'acme'` };
    await expect(run(app, statement, [])).rejects.toThrow('42501');
  });

  it('is bound although the connection belongs to a superuser', async () => {
    const statement = { name: 'who', text: 'select current_user, rolsuper from pg_roles where rolname = current_user' };
    const rows = await run<{ rolsuper: boolean }>(database.forTenant('default').app, statement, []);
    expect(rows[0]?.rolsuper).toBe(false);
  });
});

describe('the retrieval role', () => {
  it.each([
    'delete from chunk',
    'update freshness set state = null',
    `insert into tenant (tenant) values ('x')`,
    'truncate chunk',
    'drop table chunk',
  ])('cannot run: %s', async (text) => {
    await expect(run(database.forTenant('default').reader, { name: text, text }, [])).rejects.toThrow(/25006|42501/);
  });

  it('searches HNSW iteratively: the setting is what it was asked to be', async () => {
    const statement = {
      name: 'setting',
      text: `select '[1]'::vector is not null, current_setting('hnsw.iterative_scan') as scan`,
    };
    const rows = await run<{ scan: string }>(database.forTenant('default').reader, statement, []);
    expect(rows[0]?.scan).toBe('strict_order');
  });
});
