import { mendIndexes } from './index-partitions.ts';
import { freshIndex, hasUndividedIndex, listSegments, type BuildLimits } from './index-segments.ts';
import type { IndexVersionRow } from './index-versions.ts';
import { nearestVectors, overSegments } from './nearest.ts';
import type { OwnerConnection } from './owner.ts';
import { run, type Queryable } from './pools.ts';

/** What is wrong with the indexes that answers come from. */
export type IndexFault = 'vector_index' | 'word_index' | 'partition_detached';

const WORD_INDEX = 'chunk_words';

/** Looks into the catalogue: an index that is missing, invalid or not written to; a partition that is not attached. */
export async function findIndexFaults(owner: OwnerConnection, version: IndexVersionRow): Promise<IndexFault[]> {
  const { rows } = await owner.query<{ words: boolean; attached: boolean }>(
    `select
       exists (
         select from pg_index where indexrelid = to_regclass($1) and indisvalid and indisready and indislive) as words,
       exists (
         select from pg_inherits where inhparent = 'embedding'::regclass and inhrelid = to_regclass($2)) as attached`,
    [WORD_INDEX, `embedding_v${version.index_version}`],
  );
  const { words, attached } = rows[0]!;
  // What an older version of Earshot built over all rows serves until it is replaced.
  const sealed =
    (await listSegments(owner, version)).every((segment) => segment.whole) || (await hasUndividedIndex(owner, version));
  const whole = sealed && (await freshIndex(owner, version)).whole;
  return [
    ...(whole ? [] : (['vector_index'] as const)),
    ...(words ? [] : (['word_index'] as const)),
    ...(attached ? [] : (['partition_detached'] as const)),
  ];
}

/**
 * Makes it whole again without keeping writers waiting: the index is dropped, if it is there, and built anew from the
 * rows. Answers meanwhile come from a scan, which is slow and exact.
 */
export async function mendIndex(
  owner: OwnerConnection,
  version: IndexVersionRow,
  fault: IndexFault,
  limits: BuildLimits,
): Promise<void> {
  const { index_version: number } = version;
  if (fault === 'partition_detached') {
    await owner.query(`alter table embedding attach partition embedding_v${number} for values in (${number})`);
    return;
  }
  if (fault === 'word_index') {
    await owner.query(`drop index concurrently if exists ${WORD_INDEX}`);
    await owner.query(`create index concurrently ${WORD_INDEX} on chunk using gin (words)`);
    return;
  }
  await mendIndexes(owner, version, limits);
}

export interface ProbedVector {
  readonly chunk_id: string;
}

/** Chunks with a vector, drawn anew each time: those that follow a random id, which are as random as their ids are. */
export async function drawVectors(
  reader: Queryable,
  tenant: string,
  { index_version: version }: IndexVersionRow,
  after: string,
  limit: number,
): Promise<ProbedVector[]> {
  const statement = {
    name: 'draw_vectors',
    text: `
      select e.chunk_id
      from embedding e
      where e.index_version = $2 and e.tenant = $1 and e.chunk_id > $3::uuid
      order by e.chunk_id
      limit $4`,
  };
  return run<ProbedVector>(reader, statement, [tenant, version, after, limit]);
}

/**
 * Whether the index finds a vector by itself. When as many others as are asked for are as near, because they say the
 * same, it need not be among them.
 */
export async function isFoundByIndex(
  reader: Queryable,
  tenant: string,
  row: IndexVersionRow,
  chunkId: string,
): Promise<boolean> {
  const { index_version: version } = row;
  const itself = `(
    select o.embedding
    from embedding_v${version} o
    where o.index_version = ${version} and o.tenant = $1 and o.chunk_id = $2::uuid)`;
  const text = `
      with nearest as materialized ${nearestVectors(row, { vector: itself, limit: '10' })}
      select
        exists (select from nearest where chunk_id = $2)
        or (select count(*) filter (where distance < 0.0001) = 10 from nearest)
        or not exists (
          select from embedding_v${version} o
          where o.index_version = ${version} and o.tenant = $1 and o.chunk_id = $2) as found`;
  const statement = overSegments(`probe_index_v${version}`, row, text);
  return (await run<{ found: boolean }>(reader, statement, [tenant, chunkId]))[0]?.found ?? false;
}
