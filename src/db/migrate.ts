import { resolve } from 'node:path';
import { runner } from 'node-pg-migrate';
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
    applied.forEach(({ name }) => report(`applied migration ${name}`));
    return applied.map(({ name }) => name);
  } catch (error) {
    throw new EarshotError('misconfigured', `DATABASE_URL: the migrations could not be applied: ${reason(error)}`);
  }
}

function reason(error: unknown): string {
  if (error instanceof AggregateError) return String((error.errors[0] as Error).message);
  return error instanceof Error ? error.message : 'unknown reason';
}
