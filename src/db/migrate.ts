import { resolve } from 'node:path';
import { runner } from 'node-pg-migrate';
import pg from 'pg';
import { EarshotError } from '../domain/errors.ts';

const MIGRATIONS = resolve(import.meta.dirname, '../../migrations');

/**
 * Brings the schema up to date. Safe to call from several processes at once: the library takes an advisory lock and
 * the others wait.
 *
 * @param databaseUrl a role that may create tables, roles and the vector extension.
 * @returns the names of the migrations that were applied now.
 * @throws EarshotError `misconfigured` when the server is too old, lacks pgvector or cannot be reached.
 */
export async function migrate(
  databaseUrl: string,
  report: (line: string) => void = () => undefined,
): Promise<string[]> {
  try {
    const applied = await runner({
      databaseUrl,
      dir: MIGRATIONS,
      direction: 'up',
      migrationsTable: 'schema_migration',
      checkOrder: true,
      singleTransaction: false,
      advisoryLockMode: 'wait',
      log: () => undefined,
      logger: { info: () => undefined, warn: report, error: report, debug: () => undefined },
    });
    await checkVersions(databaseUrl);
    applied.forEach(({ name }) => report(`applied migration ${name}`));
    return applied.map(({ name }) => name);
  } catch (error) {
    if (error instanceof EarshotError) throw error;
    throw new EarshotError('misconfigured', `DATABASE_URL: the migrations could not be applied: ${reason(error)}`);
  }
}

/** Older pgvector repairs HNSW graphs wrongly on vacuum; an erasure could then leave rows unreachable. */
const OLDEST_PGVECTOR = [0, 8, 4];
const OLDEST_POSTGRES = 160_000;

async function checkVersions(databaseUrl: string): Promise<void> {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    const { rows } = await client.query<{ server: number; vector: string }>(`
      select current_setting('server_version_num')::integer as server, extversion as vector
      from pg_extension where extname = 'vector'`);
    const { server, vector } = rows[0]!;
    if (server < OLDEST_POSTGRES) throw tooOld(`PostgreSQL ${server}`, 'PostgreSQL 16');
    if (isOlder(vector.split('.').map(Number), OLDEST_PGVECTOR)) throw tooOld(`pgvector ${vector}`, 'pgvector 0.8.4');
  } finally {
    await client.end();
  }
}

/** Whether a version comes before another, part by part. */
export function isOlder(version: readonly number[], oldest: readonly number[]): boolean {
  const differs = oldest.findIndex((part, index) => part !== (version[index] ?? 0));
  return differs >= 0 && (version[differs] ?? 0) < oldest[differs]!;
}

function tooOld(found: string, needed: string): EarshotError {
  return new EarshotError('misconfigured', `DATABASE_URL: ${found} is too old, ${needed} or later is needed`);
}

function reason(error: unknown): string {
  if (error instanceof AggregateError) return String((error.errors[0] as Error).message);
  return error instanceof Error ? error.message : 'unknown reason';
}
