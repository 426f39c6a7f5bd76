import pg from 'pg';
import { ensureIndex } from '../../src/db/index-partitions.ts';
import { segmentIndex, type PartitionSpec } from '../../src/db/index-segments.ts';
import type { Segment } from '../../src/domain/index-segments.ts';
import type { TestDatabase } from './database.ts';

/** Builds an HNSW index of a version over all that it holds; answers the index's name. */
export async function sealAll(database: Pick<TestDatabase, 'url' | 'query'>, version = 1): Promise<string> {
  const [spec] = await database.query<PartitionSpec & pg.QueryResultRow>(
    'select index_version, dimensions, storage from index_version where index_version = $1',
    [version],
  );
  const owner = new pg.Client({ connectionString: database.url });
  await owner.connect();
  await ensureIndex(owner, spec!, { memoryMb: 16, workers: 0 });
  await owner.end();
  return segmentIndex(spec!, (await segmentsOf(database, version))[0]!);
}

export async function segmentsOf(database: Pick<TestDatabase, 'query'>, version = 1): Promise<Segment[]> {
  return database.query<{ from: number; until: number }>(
    `select from_sequence::float8 as from, until_sequence::float8 as until
     from index_segment where index_version = $1 order by 1`,
    [version],
  );
}
