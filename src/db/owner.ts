import pg from 'pg';
import { EarshotError } from '../domain/errors.ts';

/**
 * A connection with the rights of the schema's owner, for what no process may do in its daily work: vacuum, rewrite,
 * look into every table there is. Row-level security is set to the tenant's rows.
 */
export type OwnerConnection = Pick<pg.Client, 'query'>;

export type WithOwner = <T>(tenant: string, work: (owner: OwnerConnection) => Promise<T>) => Promise<T>;

export function ownerOf(databaseUrl: string): WithOwner {
  return async (tenant, work) => {
    const client = new pg.Client({
      connectionString: databaseUrl,
      connectionTimeoutMillis: 5_000,
      application_name: 'earshot maintenance',
      options: `-c earshot.tenant=${tenant} -c lock_timeout=10s`,
    });
    let broken: Error | undefined;
    client.on('error', (error) => (broken = error));
    try {
      await client.connect();
      return await work(client);
    } catch (error) {
      if (error instanceof EarshotError) throw error;
      throw new EarshotError('database_unavailable', `maintenance failed with ${sqlStateOf(broken ?? error)}`);
    } finally {
      await client.end().catch(() => undefined);
    }
  };
}

/**
 * Reads what takes longer than a statement of a process may: all of a tenant's rows. Ends after half an hour, so that a
 * step which is tried again does not pile up.
 */
export async function readAll<Row extends pg.QueryResultRow>(
  owner: OwnerConnection,
  text: string,
  values: unknown[],
): Promise<Row[]> {
  await owner.query(`set statement_timeout = '30min'`);
  return (await owner.query<Row>(text, values)).rows;
}

/** SQLSTATE, or a word that quotes no data. */
export function sqlStateOf(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return typeof code === 'string' ? code : 'no answer';
}
