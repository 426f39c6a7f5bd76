import type { OwnerConnection } from './owner.ts';
import { run, type Queryable } from './pools.ts';

/** Rows below which any plan will do. */
const FEW = 200;
/** Rows of a table beyond which autovacuum's tenth is soon enough. */
const MANY = 500_000;

/**
 * Tables that have doubled since the planner last looked at them; of a partition, the table that it belongs to. A plan
 * that was made for an empty table reads all of it. Autovacuum looks once a minute, and at partitioned tables never.
 */
export async function outgrownTables(db: Queryable): Promise<string[]> {
  const statement = {
    name: 'outgrown_tables',
    text: `
      select distinct coalesce(pg_partition_root(s.relid), s.relid)::regclass::text as name
      from pg_stat_user_tables s
      join pg_class c on c.oid = s.relid
      where s.schemaname = 'public' and s.n_mod_since_analyze > greatest($1, c.reltuples) and c.reltuples < $2`,
  };
  return (await run<{ name: string }>(db, statement, [FEW, MANY])).map(({ name }) => name);
}

/** Has the planner look at tables. One that is locked, or looked at by another process, is left out. */
export async function analyze(owner: OwnerConnection, tables: readonly string[]): Promise<void> {
  for (const table of tables) await owner.query(`analyze (skip_locked) ${table}`);
}
