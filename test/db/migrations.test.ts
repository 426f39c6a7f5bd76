import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ensureLiveIndexVersion } from '../../src/db/index-versions.ts';
import { isOlder, migrate } from '../../src/db/migrate.ts';
import { PROJECT } from '../../src/stack/tools.ts';
import { acceptInteraction } from '../../src/db/intake.ts';
import { openDatabase, run } from '../../src/db/pools.ts';
import { ensureSubject } from '../../src/db/subjects.ts';
import { createDatabase } from '../support/database.ts';
import { interactionOf, textOf } from '../support/records.ts';
import { describeSchema } from '../support/schema.ts';

const folder = join(PROJECT, 'migrations');

describe('migrations', () => {
  it('are frozen once shipped: their checksums are those of migrations.sha256', async () => {
    const names = (await readdir(folder)).filter((name) => name.endsWith('.sql')).sort();
    const lines = await Promise.all(
      names.map(
        async (name) =>
          `${createHash('sha256')
            .update(await readFile(join(folder, name)))
            .digest('hex')}  ${name}`,
      ),
    );
    expect(lines.join('\n')).toBe((await readFile(join(import.meta.dirname, 'migrations.sha256'), 'utf8')).trim());
  });

  it('make the schema of test/schema.txt, from nothing, twice, and by ten processes at once', async () => {
    const database = await createDatabase('template0');
    await Promise.all(Array.from({ length: 10 }, () => migrate(database.url)));
    expect(await migrate(database.url)).toEqual([]);
    await Promise.all(Array.from({ length: 4 }, () => ensureLiveIndexVersion(database.url, 'model', 384)));
    await expect(await describeSchema(database)).toMatchFileSnapshot('../schema.txt');
    await database.drop();
  });

  it('refuse a pgvector before 0.8.4', () => {
    const versions = ['0.8.3', '0.7.9', '0.8.4', '0.8.10', '0.9', '1.0'].map((text) => text.split('.').map(Number));
    expect(versions.map((version) => isOlder(version, [0, 8, 4]))).toEqual([true, true, false, false, false, false]);
  });

  it('make the first index version for the model of the settings, and no other for another model', async () => {
    const database = await createDatabase();
    await ensureLiveIndexVersion(database.url, 'another-model', 768);
    const versions = await database.query('select model, dimensions, state from index_version');
    expect(versions).toEqual([{ model: 'all-MiniLM-L6-v2', dimensions: 384, state: 'live' }]);
    await database.drop();
  });

  it('work for an owner that is no superuser, whose processes find by GIN what is their tenant’s alone', async () => {
    const database = await createDatabase('template0');
    await database.query('create extension vector');
    await database.query('drop role if exists plain_owner');
    await database.query(`create role plain_owner login createrole password 'plain'`);
    await database.query('grant earshot_app, earshot_reader to plain_owner with admin option');
    const { pathname } = new URL(database.url);
    await database.query(`alter database ${pathname.slice(1)} owner to plain_owner`);
    await database.query('alter schema public owner to plain_owner');
    const url = new URL(database.url);
    url.username = 'plain_owner';
    url.password = 'plain';
    await migrate(url.href);
    await ensureLiveIndexVersion(url.href, 'model', 384);
    const opened = openDatabase({ url: url.href });
    const { app, reader } = opened.forTenant('default');
    const record = interactionOf();
    await ensureSubject(app, 'default', record.customerKey);
    expect((await acceptInteraction(app, record, textOf('a text'))).outcome).toBe('accepted');
    const count = { name: 'view', text: 'select tenant from tenant_chunk' };
    expect(await run(reader, count, [])).toHaveLength(1);
    await database.query(`insert into tenant (tenant) values ('acme')`);
    expect(await run(opened.forTenant('acme').reader, count, [])).toHaveLength(0);
    await opened.close();
    await database.drop();
  });
});
