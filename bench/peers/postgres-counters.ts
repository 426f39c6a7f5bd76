import type pg from 'pg';

/** Counters of the whole server; one contender runs at a time. */
export interface PostgresCounters {
  /** Transactions that wrote. A statement outside a transaction is one of its own. */
  readonly writingTransactions: number;
  readonly walBytes: number;
}

/**
 * Read from where the server hands out transaction ids and log positions: statistics views lag behind by up to ten
 * seconds.
 */
export async function postgresCounters(database: pg.Pool): Promise<PostgresCounters> {
  const { rows } = await database.query<{ xid: string; lsn: string }>(
    `select pg_snapshot_xmax(pg_current_snapshot())::text as xid,
      pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::text as lsn`,
  );
  return { writingTransactions: Number(rows[0]!.xid), walBytes: Number(rows[0]!.lsn) };
}
