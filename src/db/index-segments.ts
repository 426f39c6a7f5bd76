import type { Segment } from '../domain/index-segments.ts';
import type { IndexStorage } from '../domain/index-version.ts';
import type { OwnerConnection } from './owner.ts';

/** Of an index version: all that its partition and its HNSW indexes are made of. */
export interface PartitionSpec {
  readonly index_version: number;
  readonly dimensions: number;
  readonly storage: IndexStorage;
}

/** How much of the machine building an index may take. */
export interface BuildLimits {
  /** A graph that does not fit is built several times as slowly. */
  readonly memoryMb: number;
  /** Processes beside the one that builds. */
  readonly workers: number;
}

/** The segments of a version `v`, in order, as an expression in a select list. */
export const SEGMENTS = `
  (select coalesce(jsonb_agg(jsonb_build_object('from', s.from_sequence, 'until', s.until_sequence)
      order by s.from_sequence), '[]')
    from index_segment s
    where s.index_version = v.index_version) as segments`;

/** What an HNSW index compares. A query must be cast as the index is, or the index is not used. */
export function indexedVector({ dimensions, storage }: Omit<PartitionSpec, 'index_version'>, value: string): string {
  return storage === 'vector' ? `${value}::vector(${dimensions})` : `${value}::vector::halfvec(${dimensions})`;
}

export function segmentIndex({ index_version: version }: PartitionSpec, { from, until }: Segment): string {
  return `embedding_v${version}_hnsw_${from}_${until}`;
}

/** The condition that puts a vector `e` in a segment: the one of its index, or the planner would not use that. */
export function inSegment(
  column: string,
  { from, until }: { readonly from: number; readonly until: number | null },
): string {
  return `${column} >= ${from}${until === null ? '' : ` and ${column} < ${until}`}`;
}

/** A segment of a version and the index that it should have. */
export interface BuiltSegment extends Segment {
  /** Whether its index is there and complete. */
  readonly whole: boolean;
  /** Vectors in its index, as the planner knows them. */
  readonly rows: number;
}

export async function listSegments(owner: OwnerConnection, version: PartitionSpec): Promise<BuiltSegment[]> {
  const { rows } = await owner.query<BuiltSegment>(
    `select s.from_sequence::float8 as from, s.until_sequence::float8 as until,
       coalesce(i.indisvalid and i.indisready and i.indislive, false) as whole, greatest(c.reltuples, 0)::float8 as rows
     from index_segment s
     left join pg_class c on c.oid = to_regclass(
       format('embedding_v%s_hnsw_%s_%s', s.index_version, s.from_sequence, s.until_sequence))
     left join pg_index i on i.indexrelid = c.oid
     where s.index_version = $1
     order by s.from_sequence`,
    [version.index_version],
  );
  return rows;
}

/** The HNSW indexes on a version's partition, whatever they were built for. */
async function listIndexes(
  owner: OwnerConnection,
  version: PartitionSpec,
): Promise<{ name: string; valid: boolean }[]> {
  const { rows } = await owner.query<{ name: string; valid: boolean }>(
    `select x.relname as name, i.indisvalid and i.indisready and i.indislive as valid
     from pg_index i
     join pg_class x on x.oid = i.indexrelid
     join pg_am am on am.oid = x.relam
     where i.indrelid = to_regclass($1) and am.amname = 'hnsw'`,
    [`embedding_v${version.index_version}`],
  );
  return rows;
}

/** The B-tree by which a version's fresh vectors are found, and whether it is there and complete. */
export async function freshIndex(
  owner: OwnerConnection,
  { index_version: version }: PartitionSpec,
): Promise<{ name: string; whole: boolean }> {
  const { rows } = await owner.query<{ name: string; whole: boolean }>(
    `select i.indexrelid::regclass::text as name, i.indisvalid and i.indisready and i.indislive as whole
     from pg_inherits h
     join pg_index i on i.indexrelid = h.inhrelid
     where h.inhparent = 'embedding_by_sequence'::regclass and i.indrelid = to_regclass($1)`,
    [`embedding_v${version}`],
  );
  // A partition that is detached has none, which is another fault.
  return rows[0] ?? { name: '', whole: true };
}

/** Whether a version has an index over all its rows still, as an older version of Earshot built it. */
export async function hasUndividedIndex(owner: OwnerConnection, version: PartitionSpec): Promise<boolean> {
  const indexes = await listIndexes(owner, version);
  return indexes.some(({ name }) => name === `embedding_v${version.index_version}_hnsw`);
}

/**
 * Builds the index of a segment while vectors go on being written, unless it is there: HNSW with pgvector's defaults, m 16
 * and ef_construction 64. A vector with a number of the segment that is committed during the build is in it, as Postgres
 * promises of any index. What an attempt that was cut off has left is invalid and goes first.
 */
export async function buildSegment(owner: OwnerConnection, version: PartitionSpec, segment: Segment): Promise<void> {
  const name = segmentIndex(version, segment);
  const there = (await listIndexes(owner, version)).find((index) => index.name === name);
  if (there?.valid === true) return;
  if (there !== undefined) await owner.query(`drop index concurrently ${name}`);
  const { dimensions, storage, index_version: number } = version;
  await owner.query(
    `create index concurrently ${name} on embedding_v${number}
     using hnsw ((embedding::${storage}(${dimensions})) ${storage}_cosine_ops)
     where ${inSegment('sequence', segment)}`,
  );
  await owner.query(`alter index ${name} alter column 1 set statistics 0`);
}

/**
 * Makes a segment part of the index in place of those that it covers, in one moment: who asks sees the one or the others.
 * Questions that began before still name the others, whose indexes go later; without these they are answered by a scan.
 */
export async function publishSegment(
  owner: OwnerConnection,
  { index_version: version }: PartitionSpec,
  { from, until }: Segment,
): Promise<void> {
  await owner.query(`
    begin;
    delete from index_segment where index_version = ${version} and from_sequence < ${until} and until_sequence > ${from};
    insert into index_segment (index_version, from_sequence, until_sequence) values (${version}, ${from}, ${until});
    commit`);
}

/** Builds what segments lack: their index was lost, or an older version of Earshot made another. */
export async function mendSegments(owner: OwnerConnection, version: PartitionSpec): Promise<void> {
  for (const segment of await listSegments(owner, version)) {
    if (!segment.whole) await buildSegment(owner, version, segment);
  }
}

/** Drops indexes of no segment: what a build that was cut off has left, and what a larger segment has replaced. */
export async function dropStrayIndexes(owner: OwnerConnection, version: PartitionSpec): Promise<void> {
  const named = new Set((await listSegments(owner, version)).map((segment) => segmentIndex(version, segment)));
  for (const { name } of await listIndexes(owner, version)) {
    if (!named.has(name)) await owner.query(`drop index concurrently if exists ${name}`);
  }
}

/** The number that the next vector will get. */
export async function nextSequence(owner: OwnerConnection): Promise<number> {
  const { rows } = await owner.query<{ next: number }>(
    'select (last_value + is_called::integer)::float8 as next from embedding_sequence',
  );
  return rows[0]!.next;
}

/** Counts vectors from a number on, of all tenants. */
export async function countFresh(
  owner: OwnerConnection,
  { index_version: version }: PartitionSpec,
  tenants: readonly string[],
  from: number,
): Promise<number> {
  let count = 0;
  for (const tenant of tenants) {
    await owner.query(`select set_config('earshot.tenant', $1, false)`, [tenant]);
    const { rows } = await owner.query<{ count: number }>(
      `select count(*)::integer as count from embedding_v${version} where tenant = $1 and sequence >= $2::bigint`,
      [tenant, from],
    );
    count += rows[0]!.count;
  }
  return count;
}

/** Who holds the lock of a version's segments: no two may build at a time. "segm" in ASCII. */
const SEGMENT_LOCK = 0x7365676d;

/**
 * Does something with the segments of a version alone, until the connection ends; false when another one does. It does not
 * wait in the database: a build waits for all transactions, also for one that waits for it.
 */
export async function lockSegments(
  owner: OwnerConnection,
  { index_version: version }: PartitionSpec,
): Promise<boolean> {
  const { rows } = await owner.query<{ held: boolean }>('select pg_try_advisory_lock($1, $2) as held', [
    SEGMENT_LOCK,
    version,
  ]);
  return rows[0]!.held;
}

/** Concurrent builds wait for the transactions of others without blocking them: what they leave when they give up is worse. */
export async function takeTime(owner: OwnerConnection, { memoryMb, workers }: BuildLimits): Promise<void> {
  await owner.query('set lock_timeout = 0');
  await owner.query(`set maintenance_work_mem = '${memoryMb}MB'`);
  await owner.query(`set max_parallel_maintenance_workers = ${workers}`);
}
