import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openDatabase, run, type Database } from '../../src/db/pools.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { interactionOf, textOf } from '../support/records.ts';
import { acceptInteraction } from '../../src/db/intake.ts';
import { ensureSubject } from '../../src/db/subjects.ts';

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
