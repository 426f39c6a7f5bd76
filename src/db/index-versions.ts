import pg from 'pg';
import { storageFor, type IndexStorage } from '../domain/index-version.ts';
import type { Segment } from '../domain/index-segments.ts';
import { createPartition } from './index-partitions.ts';
import { SEGMENTS, type PartitionSpec } from './index-segments.ts';
import { run, type Queryable } from './pools.ts';

/** A generation of vectors. A query is embedded by the model of the version that it searches. */
export interface IndexVersionRow {
  readonly index_version: number;
  readonly model: string;
  readonly dimensions: number;
  readonly storage: IndexStorage;
  readonly state: 'building' | 'live' | 'retired' | 'dropped';
  /** Its HNSW indexes. What they leave out is searched exactly: a list that is old costs time and hides nothing. */
  readonly segments: readonly Segment[];
}

/** The versions that hold vectors: their partitions are there. */
export async function listIndexVersions(db: Queryable): Promise<IndexVersionRow[]> {
  const statement = {
    name: 'list_index_versions',
    text: `
      select index_version, model, dimensions, storage, state, ${SEGMENTS}
      from index_version v
      where state <> 'dropped' and prepared_at is not null
      order by index_version`,
  };
  return run<IndexVersionRow>(db, statement, []);
}

/**
 * Makes the first live index version, with its partition, on an empty database; the first HNSW index comes when there is
 * enough for it. The dimensions are those of the configured model, so they cannot be part of a migration.
 *
 * @param databaseUrl the owner of the schema: making a partition needs more than a process may do.
 */
export async function ensureLiveIndexVersion(databaseUrl: string, model: string, dimensions: number): Promise<void> {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    await client.query('begin');
    await client.query('lock table index_version in share row exclusive mode');
    const { rows } = await client.query(`select from index_version where state = 'live'`);
    if (rows[0] === undefined) await makeLive(client, model, dimensions);
    await client.query('commit');
  } finally {
    await client.end();
  }
}

async function makeLive(client: pg.Client, model: string, dimensions: number): Promise<void> {
  const storage = storageFor(dimensions);
  const { rows } = await client.query<PartitionSpec>(
    `insert into index_version (model, dimensions, storage, state, prepared_at, indexed_at)
     values ($1, $2, $3, 'live', now(), now())
     returning index_version, dimensions, storage`,
    [model, dimensions, storage],
  );
  const version = rows[0]!;
  await createPartition(client, version);
  await client.query('insert into index_version_period (index_version) values ($1)', [version.index_version]);
}
