import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { inject } from 'vitest';
import { migrate } from '../../src/db/migrate.ts';
import { TEMPLATE } from './global-setup.ts';

export interface TestDatabase {
  readonly url: string;
  /** As the owner, past row-level security. */
  query<Row extends pg.QueryResultRow>(text: string, values?: unknown[]): Promise<Row[]>;
  /** Lets go of it and leaves it where it is. */
  close(): Promise<void>;
  drop(): Promise<void>;
}

/** A database of its own, cloned from the migrated template, or empty. */
export async function createDatabase(
  template: string = TEMPLATE,
  server: string = inject('stackEnv')['DATABASE_URL']!,
): Promise<TestDatabase> {
  const name = `test_${randomBytes(6).toString('hex')}`;
  await onServer(server, `create database ${name} template ${template}`);
  const url = new URL(server);
  url.pathname = name;
  const pool = new pg.Pool({ connectionString: url.href, max: 4 });
  pool.on('error', () => undefined);
  return {
    url: url.href,
    query: async (text, values) => (await pool.query(text, values)).rows as never,
    close: () => pool.end(),
    drop: async () => {
      await pool.end();
      await onServer(server, `drop database if exists ${name} with (force)`);
    },
  };
}

/** One of another server, which has no template. */
export async function migratedDatabase(server: string): Promise<TestDatabase> {
  const database = await createDatabase('template1', server);
  await migrate(database.url);
  return database;
}

async function onServer(url: string, statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    // Another clone may hold the template for a moment.
    for (let attempt = 1; ; attempt++) {
      try {
        await client.query(statement);
        return;
      } catch (error) {
        if ((error as { code?: string }).code !== '55006' || attempt === 100) throw error;
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    }
  } finally {
    await client.end();
  }
}
