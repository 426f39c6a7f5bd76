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
];

export interface Residue extends ResidueReport {
  /** Tables whose dead space keeps bytes, because rewriting them would block writers for too long. */
  readonly postponed: readonly string[];
}

/**
 * Removes what earlier deletes left, blocking writers of a table for `lockMs` at the longest. Tables that are too large
 * for that are named in `postponed`; their indexes are rebuilt all the same, without blocking anyone.
 *
 * @throws EarshotError `database_unavailable` while an older snapshot still needs the dead rows.
 */
export async function clearResidue(owner: OwnerConnection, lockMs: number): Promise<Residue> {
  await awaitHorizon(owner);
  const vectors = await embeddingPartitions(owner);
  for (const table of VACUUMED_TABLES) await owner.query(`vacuum (analyze) ${table}`);
  const rewritten: string[] = [];
  const postponed: string[] = [];
  const reindexed: string[] = [];
  for (const table of [...vectors, ...PLAINTEXT_TABLES]) {
    if (await rewrite(owner, table, lockMs)) {
      rewritten.push(table);
      continue;
    }
    postponed.push(table);
    await owner.query(`vacuum (analyze) ${table}`);
    if (table === 'chunk') {
      // GIN keeps the words of rows that are gone; HNSW overwrites their vectors when it is vacuumed.
      await owner.query('reindex index concurrently chunk_words');
      reindexed.push('chunk_words');
    }
  }
  const walSwitchedAt = await attempt(owner, 'select pg_switch_wal()');
  const checkpointedAt = await attempt(owner, 'checkpoint');
  const vacuumed = [...VACUUMED_TABLES, ...postponed];
  return { vacuumed, rewritten, reindexed, postponed, walSwitchedAt, checkpointedAt };
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
async function rewrite(owner: OwnerConnection, table: string, lockMs: number): Promise<boolean> {
  if ((await estimateMs(owner, table)) > lockMs) return false;
  try {
    // The statement's time covers the wait for the lock, during which others queue behind it.
    await owner.query(`set statement_timeout = ${lockMs}`);
    await owner.query(`vacuum (full, analyze) ${table}`);
    return true;
  } catch (error) {
    if (['57014', '55P03'].includes(sqlStateOf(error))) return false;
    throw error;
  } finally {
    await owner.query('reset statement_timeout');
  }
}

/** Measured on two cores (docs/performance.md): a rewrite copies so much, and builds an HNSW index of so many rows. */
const BYTES_PER_MS = 20_000;
const VECTORS_PER_MS = 1.5;

async function estimateMs(owner: OwnerConnection, table: string): Promise<number> {
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
  return bytes / BYTES_PER_MS + (hnsw ? tuples / VECTORS_PER_MS : 0);
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
