import pg from 'pg';
import { ensureLiveIndexVersion } from '../../src/db/index-versions.ts';
import { migrate } from '../../src/db/migrate.ts';

/** The migrated database that each contender's own is cloned from. */
const TEMPLATE = 'peers_template';

/** Where the engines beside Earshot have the tables that they fill. */
const SCHEMA = 'peers';

export interface ContenderDatabase {
  readonly name: string;
  /** As a contender opens it: unqualified names are those of its target tables. */
  readonly url: string;
  readonly pool: pg.Pool;
}

/** Makes the template: Earshot's tables, and beside them copies for those that have no use for the rest of Earshot. */
export async function prepareTemplate(server: string, model: string, dimensions: number): Promise<void> {
  await onServer(server, `create database ${TEMPLATE}`);
  const url = urlOf(server, TEMPLATE);
  await migrate(url);
  await ensureLiveIndexVersion(url, model, dimensions);
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await copyTargets(client);
  } finally {
    await client.end();
  }
}

/**
 * The same columns, checks and indexes as Earshot's, read from the catalogue so that they stay
 * the same. Without foreign keys, triggers and row-level security: their rows would have no owner there.
 */
async function copyTargets(client: pg.Client): Promise<void> {
  const { rows } = await client.query<{ leaf: string }>(`
    select relid::regclass::text as leaf from pg_partition_tree('embedding') where isleaf order by 1 limit 1`);
  await client.query(`create schema ${SCHEMA}`);
  await client.query(`create table ${SCHEMA}.chunk (like chunk including all)`);
  await client.query(`create table ${SCHEMA}.embedding (like ${rows[0]!.leaf} including all)`);
  await client.query(`create table ${SCHEMA}.lineage_edge (like lineage_edge including all)`);
}

/** A contender's own database. */
export async function createDatabase(
  server: string,
  contender: string,
  tables: 'earshot' | 'copies',
): Promise<ContenderDatabase> {
  const name = `peers_${contender.replaceAll('-', '_')}`;
  await onServer(server, `create database ${name} template ${TEMPLATE}`);
  if (tables === 'copies') await onServer(server, `alter database ${name} set search_path = ${SCHEMA}, public`);
  const url = urlOf(server, name);
  const pool = new pg.Pool({ connectionString: url, max: 4 });
  pool.on('error', () => undefined);
  return { name, url, pool };
}

function urlOf(server: string, name: string): string {
  const url = new URL(server);
  url.pathname = name;
  return url.href;
}

async function onServer(server: string, statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: server });
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}
