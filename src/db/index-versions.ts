import pg from 'pg';
import { run, type Queryable } from './pools.ts';

/** A generation of vectors. A query is embedded by the model of the version that it searches. */
export interface IndexVersionRow {
  readonly index_version: number;
  readonly model: string;
  readonly dimensions: number;
  readonly state: 'building' | 'live' | 'retired' | 'dropped';
}

export async function listIndexVersions(db: Queryable): Promise<IndexVersionRow[]> {
  const statement = {
    name: 'list_index_versions',
    text: 'select index_version, model, dimensions, state from index_version order by index_version',
  };
  return run<IndexVersionRow>(db, statement, []);
}

/**
 * Makes the first live index version, with its partition and HNSW index, on an empty database. The dimensions are
 * those of the configured model, so they cannot be part of a migration.
 *
 * @param databaseUrl the owner of the schema: making a partition needs more than a process may do.
 */
export async function ensureLiveIndexVersion(databaseUrl: string, model: string, dimensions: number): Promise<void> {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    await client.query('begin');
    await client.query('lock table index_version in share row exclusive mode');
    const { rows } = await client.query<IndexVersionRow>(`select * from index_version where state = 'live'`);
    if (rows[0] === undefined) await makeLive(client, model, dimensions);
    await client.query('commit');
  } finally {
    await client.end();
  }
}

/**
 * HNSW with pgvector's defaults, m 16 and ef_construction 64. The parent column has no dimensions, because versions
 * differ in them; the partition's check and the index's cast fix them.
 */
async function makeLive(client: pg.Client, model: string, dimensions: number): Promise<void> {
  const { rows } = await client.query<{ index_version: number }>(
    `insert into index_version (model, dimensions, state) values ($1, $2, 'live') returning index_version`,
    [model, dimensions],
  );
  const version = rows[0]!.index_version;
  await client.query(`
    create table embedding_v${version} partition of embedding (
      check (vector_dims(embedding) = ${dimensions})
    ) for values in (${version})`);
  await client.query(`
    create index embedding_v${version}_hnsw on embedding_v${version}
    using hnsw ((embedding::vector(${dimensions})) vector_cosine_ops)`);
  // A partition takes no statistics targets from its parent: without these, short vectors would enter pg_statistic.
  await client.query(`
    alter table embedding_v${version} alter column embedding set statistics 0;
    alter index embedding_v${version}_hnsw alter column 1 set statistics 0`);
  await client.query(`
    alter table embedding_v${version} enable row level security;
    alter table embedding_v${version} force row level security;
    create policy own_tenant on embedding_v${version} using (tenant = current_setting('earshot.tenant', true));
    grant select on embedding_v${version} to earshot_app, earshot_reader`);
  await client.query('insert into index_version_period (index_version) values ($1)', [version]);
}
