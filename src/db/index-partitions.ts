import type { IndexStorage } from '../domain/index-version.ts';
import { sqlStateOf, type OwnerConnection } from './owner.ts';

/** Of an index version: all that its partition and its HNSW index are made of. */
export interface PartitionSpec {
  readonly index_version: number;
  readonly dimensions: number;
  readonly storage: IndexStorage;
}

/** What an HNSW index compares. A query must be cast as the index is, or the index is not used. */
export function indexedVector({ dimensions, storage }: Omit<PartitionSpec, 'index_version'>, value: string): string {
  return storage === 'vector' ? `${value}::vector(${dimensions})` : `${value}::vector::halfvec(${dimensions})`;
}

/** The expression of the index itself, whose column is a vector already. */
function indexExpression({ dimensions, storage }: PartitionSpec): string {
  return `(embedding::${storage}(${dimensions})) ${storage}_cosine_ops`;
}

/**
 * The partition of a version. The parent column has no dimensions, because versions differ in them; the partition's
 * check and the index's cast fix them. A partition takes no statistics targets from its parent: without one, short
 * vectors would enter pg_statistic.
 */
export async function createPartition(owner: OwnerConnection, version: PartitionSpec): Promise<void> {
  const { index_version: number, dimensions } = version;
  await owner.query(`
    create table embedding_v${number} partition of embedding (
      check (vector_dims(embedding) = ${dimensions})
    ) for values in (${number});
    alter table embedding_v${number} alter column embedding set statistics 0;
    alter table embedding_v${number} enable row level security;
    alter table embedding_v${number} force row level security;
    create policy own_tenant on embedding_v${number} using (tenant = current_setting('earshot.tenant', true));
    grant select on embedding_v${number} to earshot_app, earshot_reader`);
}

/** HNSW with pgvector's defaults, m 16 and ef_construction 64. */
export async function buildIndex(
  owner: OwnerConnection,
  version: PartitionSpec,
  concurrently: 'concurrently' | '',
): Promise<void> {
  const table = `embedding_v${version.index_version}`;
  await owner.query(`create index ${concurrently} ${table}_hnsw on ${table} using hnsw (${indexExpression(version)})`);
  await owner.query(`alter index ${table}_hnsw alter column 1 set statistics 0`);
}

/** How much of the machine building an index may take. */
export interface BuildLimits {
  /** A graph that does not fit is built several times as slowly. */
  readonly memoryMb: number;
  /** Processes beside the one that builds. */
  readonly workers: number;
}

/**
 * Builds a version's index while vectors go on being written, unless it is there. What an attempt that was cut off has
 * left is invalid and goes first.
 */
export async function ensureIndex(owner: OwnerConnection, version: PartitionSpec, limits: BuildLimits): Promise<void> {
  await takeTime(owner, limits);
  const table = `embedding_v${version.index_version}`;
  const { rows } = await owner.query<{ name: string; valid: boolean }>(
    `select x.relname as name, i.indisvalid as valid
     from pg_index i
     join pg_class x on x.oid = i.indexrelid
     join pg_am am on am.oid = x.relam
     where i.indrelid = to_regclass($1) and am.amname = 'hnsw'`,
    [table],
  );
  for (const { name } of rows.filter(({ valid }) => !valid)) await owner.query(`drop index concurrently ${name}`);
  if (!rows.some(({ valid }) => valid)) await buildIndex(owner, version, 'concurrently');
  await owner.query(`analyze ${table}`);
}

/** Builds a version's index anew: deletes leave holes in an HNSW graph, through which a search finds less. */
export async function rebuildIndex(owner: OwnerConnection, version: PartitionSpec, limits: BuildLimits): Promise<void> {
  await ensureIndex(owner, version, limits);
  await owner.query(`reindex index concurrently embedding_v${version.index_version}_hnsw`);
}

/** Concurrent builds wait for the transactions of others without blocking them: what they leave when they give up is worse. */
async function takeTime(owner: OwnerConnection, { memoryMb, workers }: BuildLimits): Promise<void> {
  await owner.query('set lock_timeout = 0');
  await owner.query(`set maintenance_work_mem = '${memoryMb}MB'`);
  await owner.query(`set max_parallel_maintenance_workers = ${workers}`);
}

/** Makes the partition of a version that lacks it, and says so in its row. */
export async function ensurePartition(owner: OwnerConnection, version: PartitionSpec): Promise<void> {
  await withShortLocks(owner, async () => {
    const { rows } = await owner.query<{ there: boolean }>(`select to_regclass($1) is not null as there`, [
      `embedding_v${version.index_version}`,
    ]);
    if (!rows[0]!.there) await createPartition(owner, version);
    await owner.query(
      `update index_version set prepared_at = coalesce(prepared_at, clock_timestamp())
       where index_version = $1 and state <> 'dropped'`,
      [version.index_version],
    );
  });
}

/** Partitions whose version was dropped or was never written down, and versions whose removal nobody has noted. */
async function versionsToRemove(owner: OwnerConnection): Promise<number[]> {
  const { rows } = await owner.query<{ number: number }>(`
    select substring(c.relname from '^embedding_v(\\d+)$')::integer as number
    from pg_class c
    where c.relnamespace = current_schema()::regnamespace and c.relkind = 'r' and c.relname ~ '^embedding_v\\d+$'
    union
    select index_version from index_version where state = 'dropped' and removed_at is null
    except
    select index_version from index_version where state <> 'dropped'
    order by number`);
  return rows.map(({ number }) => number);
}

/**
 * Takes away what belongs to no version: partitions of dropped ones, and those that nobody wrote down. A removal is
 * noted when the catalogue no longer has the table. Answers the versions.
 */
export async function removeOrphans(owner: OwnerConnection): Promise<number[]> {
  const removed = await versionsToRemove(owner);
  for (const number of removed) {
    await cancelBuild(owner, number);
    await withShortLocks(owner, () => owner.query(`drop table if exists embedding_v${number}`));
    await owner.query(
      `update index_version set removed_at = clock_timestamp()
       where index_version = $1 and state = 'dropped' and to_regclass($2) is null`,
      [number, `embedding_v${number}`],
    );
  }
  return removed;
}

/** An index that is being built for nobody would hold the table until it is done. */
async function cancelBuild(owner: OwnerConnection, number: number): Promise<void> {
  await owner.query(
    `select pg_cancel_backend(pid)
     from pg_stat_activity
     where datname = current_database() and usename = current_user and pid <> pg_backend_pid()
       and query ~* $1`,
    [`^(create|reindex|drop) index concurrently.*embedding_v${number}_hnsw`],
  );
}

const LOCK_WITHIN_MS = 60_000;

/**
 * Does something that needs tables for itself for a moment. Who waits for such a lock keeps everybody waiting that comes
 * after, so it waits for moments and tries again.
 */
async function withShortLocks(owner: OwnerConnection, work: () => Promise<unknown>): Promise<void> {
  const deadline = Date.now() + LOCK_WITHIN_MS;
  for (;;) {
    try {
      await owner.query('begin');
      await owner.query(`set local lock_timeout = '200ms'`);
      await work();
      await owner.query('commit');
      return;
    } catch (error) {
      await owner.query('rollback');
      const contended = ['55P03', '40P01'].includes(sqlStateOf(error));
      if (!contended || Date.now() > deadline) throw error;
      await new Promise((resolve) => setTimeout(resolve, 100 + Math.random() * 200));
    }
  }
}
