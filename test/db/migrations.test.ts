import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ensureLiveIndexVersion } from '../../src/db/index-versions.ts';
import { migrate } from '../../src/db/migrate.ts';
import { PROJECT } from '../../src/stack/tools.ts';
import { createDatabase } from '../support/database.ts';
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

  it('refuse another embedding model than the live index was built with, in one line', async () => {
    const database = await createDatabase();
    await expect(ensureLiveIndexVersion(database.url, 'another-model', 384)).rejects.toThrow(/EMBEDDING_MODEL/);
    await database.drop();
  });
});
