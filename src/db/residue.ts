import type { ResidueReport } from '../domain/erasure.ts';
import { EarshotError } from '../domain/errors.ts';
import { sqlStateOf, type OwnerConnection } from './owner.ts';

/**
 * What a delete leaves behind. Postgres marks rows as dead and keeps their bytes until the page is written over: plain
 * VACUUM makes room and repairs HNSW graphs, but only a rewrite removes the bytes from heap and indexes, and only a
 * checkpoint over a new WAL segment ends the log that still has them.
 */

/** Tables whose rows hold what a customer said, if only redacted or as vectors; all else of a customer is sealed. */
const PLAINTEXT_TABLES = ['chunk', 'artifact'] as const;

/** Tables that lose many rows: left unvacuumed, a mass delete wrecks the recall of HNSW and slows all else. */
const VACUUMED_TABLES = [
  'interaction',
  'freshness',
  'lineage_edge',
  'session',
  'retrieval',
  'retrieval_hit',
  'data_key',
  'redacted_media',
  'media_view',
];

export interface Residue extends ResidueReport {
  /** Tables whose dead space keeps bytes, because rewriting them would block writers for too long. */
  readonly postponed: readonly string[];
}

/** Sizes, in bytes, at which rewriting a table took too long: it is not tried again until the table is smaller. */
export type TooLarge = Map<string, number>;

/**
 * Removes what earlier deletes left, blocking writers of a table for `lockMs` at the longest. Tables that are too large
 * for that are named in `postponed`; the index of their words is rebuilt all the same, without blocking anyone.
 *
 * @throws EarshotError `database_unavailable` while an older snapshot still needs the dead rows, or another process is
 * at the same.
 */
export async function clearResidue(owner: OwnerConnection, lockMs: number, tooLarge: TooLarge): Promise<Residue> {
  await lockMaintenance(owner);
  // Vacuum and concurrent rebuilds wait for others without blocking them: what they leave when they give up is worse.
  await owner.query('set lock_timeout = 0');
  // Nobody waits for it, and everybody shares the machine: a vacuum by hand would else never pause.
  await owner.query('set vacuum_cost_delay = 2');
  await awaitHorizon(owner);
  await clearStatistics(owner);
  for (const table of VACUUMED_TABLES) await owner.query(`vacuum (analyze) ${table}`);
  const rewritten: string[] = [];
  const postponed: string[] = [];
  for (const table of [...(await embeddingPartitions(owner)), ...PLAINTEXT_TABLES]) {
    const done = await rewrite(owner, table, lockMs, tooLarge);
    if (!done) await owner.query(`vacuum (analyze) ${table}`);
    (done ? rewritten : postponed).push(table);
  }
  const reindexed = postponed.includes('chunk') ? await rebuildWords(owner) : [];
  const walSwitchedAt = await attempt(owner, 'select pg_switch_wal()');
  const checkpointedAt = await attempt(owner, 'checkpoint');
  const walRecycled = await recyclesWal(owner);
  const vacuumed = [...VACUUMED_TABLES, ...postponed];
  return { vacuumed, rewritten, reindexed, postponed, walSwitchedAt, checkpointedAt, walRecycled };
}

/** "earshot" in ASCII, cut to what fits: one process at a time vacuums and rewrites. */
const MAINTENANCE_LOCK = 0x65617273;
const LOCK_WITHIN_MS = 60_000;

/** By trying, not by waiting: a waiting statement holds a snapshot, which the one that has the lock waits for. */
async function lockMaintenance(owner: OwnerConnection): Promise<void> {
  const deadline = Date.now() + LOCK_WITHIN_MS;
  for (;;) {
    const text = 'select pg_try_advisory_lock($1) as locked';
    const { rows } = await owner.query<{ locked: boolean }>(text, [MAINTENANCE_LOCK]);
    if (rows[0]!.locked) return;
    if (Date.now() > deadline) throw new EarshotError('database_unavailable', 'another process maintains the tables');
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

/** Whether somebody vacuums and rewrites: a build's snapshot would keep what was erased from being removed. */
export async function isMaintained(owner: OwnerConnection): Promise<boolean> {
  const { rows } = await owner.query<{ free: boolean }>(
    `select case when pg_try_advisory_lock($1) then pg_advisory_unlock($1) else false end as free`,
    [MAINTENANCE_LOCK],
  );
  return !rows[0]!.free;
}

/**
 * Statistics that were made before their columns got a target of 0 stay for ever, for analyze then skips the column.
 * Postgres 18 can clear them; before it, a change of the column's type does.
 */
async function clearStatistics(owner: OwnerConnection): Promise<void> {
  const text = `
    select pg_clear_attribute_stats(s.schemaname::text, s.tablename::text, s.attname::text, s.inherited)
    from pg_stats s
    where s.schemaname = current_schema()
      and (s.tablename, s.attname) in (('chunk', 'text'), ('chunk', 'words'), ('artifact', 'content'))`;
  try {
    const { rowCount } = await owner.query(text);
    if ((rowCount ?? 0) > 0) await attempt(owner, 'vacuum full pg_statistic');
  } catch (error) {
    // No such function, or no right to it.
    if (!['42883', '42501'].includes(sqlStateOf(error))) throw error;
  }
}

/** GIN keeps the words of rows that are gone. A rebuild that was cut off leaves an invalid index, which goes first. */
async function rebuildWords(owner: OwnerConnection): Promise<string[]> {
  const { rows } = await owner.query<{ name: string }>(
    `select i.indexrelid::regclass::text as name
     from pg_index i
     where i.indrelid = 'chunk'::regclass and not i.indisvalid`,
  );
  for (const { name } of rows) await owner.query(`drop index concurrently if exists ${name}`);
  await owner.query('reindex index concurrently chunk_words');
  return ['chunk_words'];
}

/** Whether the server renames old segments of its log for later use, with the bytes that are in them. */
async function recyclesWal(owner: OwnerConnection): Promise<boolean> {
  const { rows } = await owner.query<{ wal_recycle: string }>('show wal_recycle');
  return rows[0]!.wal_recycle === 'on';
}

/** VACUUM keeps dead rows that a running transaction may still see. Ours end within 15 s; others are waited for too. */
async function awaitHorizon(owner: OwnerConnection): Promise<void> {
  const { rows: started } = await owner.query<{ xid: string }>('select pg_current_xact_id()::text as xid');
  const deadline = Date.now() + 20_000;
  for (;;) {
    const { rows } = await owner.query<{ older: number }>(
      `select count(*)::integer as older
       from pg_stat_activity
       where pid <> pg_backend_pid() and datname = current_database() and query not like 'autovacuum: VACUUM%'
         and age(backend_xmin) > age($1::xid8::xid)`,
      [started[0]!.xid],
    );
    if (rows[0]!.older === 0) return;
    if (Date.now() > deadline) {
      throw new EarshotError('database_unavailable', 'an open transaction still holds rows that were erased');
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

async function embeddingPartitions(owner: OwnerConnection): Promise<string[]> {
  const { rows } = await owner.query<{ name: string }>(
    `select inhrelid::regclass::text as name from pg_inherits where inhparent = 'embedding'::regclass order by 1`,
  );
  return rows.map(({ name }) => name);
}

/** Rewrites a table and its indexes under an exclusive lock, unless that takes longer than it may. */
async function rewrite(owner: OwnerConnection, table: string, lockMs: number, tooLarge: TooLarge): Promise<boolean> {
  const { bytes, ms } = await estimate(owner, table);
  if (ms >= lockMs || bytes >= (tooLarge.get(table) ?? Infinity)) return false;
  try {
    // The statement's time covers the wait for the lock, during which others queue behind it.
    await owner.query(`set statement_timeout = ${lockMs}`);
    await owner.query(`vacuum (full, analyze) ${table}`);
    return true;
  } catch (error) {
    if (sqlStateOf(error) !== '57014') throw error;
    tooLarge.set(table, bytes);
    return false;
  } finally {
    await owner.query('reset statement_timeout');
  }
}

/** Measured on two cores (docs/performance.md): a rewrite copies so much, and builds an HNSW index of so many rows. */
const BYTES_PER_MS = 20_000;
const VECTORS_PER_MS = 1.5;

async function estimate(owner: OwnerConnection, table: string): Promise<{ bytes: number; ms: number }> {
  const { rows } = await owner.query<{ bytes: number; tuples: number; hnsw: boolean }>(
    `select
       pg_relation_size($1::regclass)::float8 as bytes,
       greatest(c.reltuples, 0)::float8 as tuples,
       exists (
         select
         from pg_index i
         join pg_class x on x.oid = i.indexrelid
         join pg_am am on am.oid = x.relam
         where i.indrelid = c.oid and am.amname = 'hnsw') as hnsw
     from pg_class c
     where c.oid = $1::regclass`,
    [table],
  );
  const { bytes, tuples, hnsw } = rows[0]!;
  return { bytes, ms: bytes / BYTES_PER_MS + (hnsw ? tuples / VECTORS_PER_MS : 0) };
}

/** What needs more rights than a managed database may give: when it was done, or null. */
async function attempt(owner: OwnerConnection, text: string): Promise<string | null> {
  try {
    await owner.query(text);
    return new Date().toISOString();
  } catch (error) {
    if (sqlStateOf(error) === '42501') return null;
    throw error;
  }
}
