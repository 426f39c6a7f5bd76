import {
  buildSegment,
  countFresh,
  dropStrayIndexes,
  freshIndex,
  hasUndividedIndex,
  listSegments,
  lockSegments,
  mendSegments,
} from './index-segments.ts';
import {
  nextSequence,
  publishSegment,
  segmentIndex,
  takeTime,
  type BuildLimits,
  type PartitionSpec,
} from './index-segments.ts';
import { setTimeout as delay } from 'node:timers/promises';
import { nextSegment, type SealingRules, type Segment } from '../domain/index-segments.ts';
import { sqlStateOf, type OwnerConnection } from './owner.ts';
import { isMaintained } from './residue.ts';

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

/**
 * Builds a version's index over all that it holds while vectors go on being written, unless it has one. What an attempt
 * that was cut off has left is invalid and goes first.
 */
export async function ensureIndex(owner: OwnerConnection, version: PartitionSpec, limits: BuildLimits): Promise<void> {
  await aloneWithSegments(owner, version, limits);
  await mendSegments(owner, version);
  if ((await listSegments(owner, version)).length === 0) await addSegment(owner, version, await wholeOf(owner));
  await dropStrayIndexes(owner, version);
  await owner.query(`analyze embedding_v${version.index_version}`);
}

/**
 * Builds anew the indexes of a version that are not whole; where all seem to be and vectors are missed nevertheless, all of
 * them, and until then all vectors are searched exactly, which is slow and misses none.
 */
export async function mendIndexes(owner: OwnerConnection, version: PartitionSpec, limits: BuildLimits): Promise<void> {
  await aloneWithSegments(owner, version, limits);
  const fresh = await freshIndex(owner, version);
  const segments = await listSegments(owner, version);
  if (fresh.whole && segments.every(({ whole }) => whole)) {
    await owner.query('delete from index_segment where index_version = $1', [version.index_version]);
    await owner.query(`reindex index concurrently ${fresh.name}`);
    await dropStrayIndexes(owner, version);
    await addSegment(owner, version, await wholeOf(owner));
    return;
  }
  if (!fresh.whole) await owner.query(`reindex index concurrently ${fresh.name}`);
  await mendSegments(owner, version);
}

/**
 * Builds a version's index anew, as one segment of all that it holds: deletes leave holes in an HNSW graph, through which
 * a search finds less.
 */
export async function rebuildIndex(owner: OwnerConnection, version: PartitionSpec, limits: BuildLimits): Promise<void> {
  await aloneWithSegments(owner, version, limits);
  const whole = await wholeOf(owner);
  const there = (await listSegments(owner, version)).find(({ from, until }) => from === 0 && until === whole.until);
  if (there?.whole === true) await owner.query(`reindex index concurrently ${segmentIndex(version, whole)}`);
  else await addSegment(owner, version, whole);
  await dropStrayIndexes(owner, version);
  await owner.query(`analyze embedding_v${version.index_version}`);
}

/**
 * Builds a graph for what has come since the last one, when that is enough, and takes in the smaller graphs before it.
 * Each vector is searched exactly or by a graph throughout, whenever this ends. Answers the segment that was built.
 */
export async function sealFresh(
  owner: OwnerConnection,
  version: PartitionSpec,
  tenants: readonly string[],
  rules: SealingRules,
  limits: BuildLimits,
): Promise<Segment | null> {
  if ((await isMaintained(owner)) || !(await lockSegments(owner, version))) return null;
  await takeTime(owner, limits);
  if (await hasUndividedIndex(owner, version)) await mendSegments(owner, version);
  const segments = await listSegments(owner, version);
  // Counted after the number was taken: what comes in between is left for the next one.
  const until = await nextSequence(owner);
  const rows = await countFresh(owner, version, tenants, segments.at(-1)?.until ?? 0);
  const next = nextSegment(segments, { rows, until }, rules);
  if (next !== null) {
    await addSegment(owner, version, next);
    // Until every process knows of it, questions name the indexes that it replaces.
    await delay(rules.knownAfterMs ?? 0);
  }
  await dropStrayIndexes(owner, version);
  return next;
}

async function addSegment(owner: OwnerConnection, version: PartitionSpec, segment: Segment): Promise<void> {
  await buildSegment(owner, version, segment);
  await publishSegment(owner, version, segment);
}

async function wholeOf(owner: OwnerConnection): Promise<Segment> {
  return { from: 0, until: await nextSequence(owner) };
}

/** Waits for whoever builds at the moment. */
async function aloneWithSegments(owner: OwnerConnection, version: PartitionSpec, limits: BuildLimits): Promise<void> {
  while (!(await lockSegments(owner, version))) await delay(LOOK_AGAIN_MS);
  await takeTime(owner, limits);
}

const LOOK_AGAIN_MS = 250;

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
    await owner.query('delete from index_segment where index_version = $1', [number]);
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
      await delay(100 + Math.random() * 200);
    }
  }
}
