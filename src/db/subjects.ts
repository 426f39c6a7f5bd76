import { run, type Queryable } from './pools.ts';

/** The live data key of a customer, as stored: still wrapped by the master key. */
export interface WrappedKeyRow {
  readonly generation: number;
  readonly wrapped: Buffer;
}

/** Makes the customer's row if there is none; answers which key generation new data belongs under. */
export async function ensureSubject(db: Queryable, tenant: string, customerKey: string): Promise<number> {
  const statement = {
    name: 'ensure_subject',
    text: `
      with made as (
        insert into subject (tenant, customer_key)
        values ($1, $2)
        on conflict do nothing
        returning key_generation
      )
      select key_generation from made
      union all
      select key_generation from subject where tenant = $1 and customer_key = $2
      limit 1`,
  };
  const rows = await run<{ key_generation: number }>(db, statement, [tenant, customerKey]);
  // Empty when another connection made the row after this statement's snapshot: the next one sees it.
  return rows[0]?.key_generation ?? ensureSubject(db, tenant, customerKey);
}

/**
 * Stores a new wrapped key unless one is there already, and answers the one that is kept: of two processes that make a
 * key at once, both go on with the same. Undefined when the generation is not the customer's any more: a destroyed
 * generation gets no second key.
 */
export async function keepDataKey(
  db: Queryable,
  tenant: string,
  customerKey: string,
  key: WrappedKeyRow,
): Promise<WrappedKeyRow | undefined> {
  const statement = {
    name: 'keep_data_key',
    text: `
      with fence as materialized (
        select key_generation from subject where tenant = $1 and customer_key = $2 for share
      )
      insert into data_key (tenant, customer_key, generation, wrapped)
      select $1, $2, $3::integer, $4
      from fence
      where key_generation = $3
      on conflict (tenant, customer_key, generation) do update set generation = excluded.generation
      returning generation, wrapped`,
  };
  return (await run<WrappedKeyRow>(db, statement, [tenant, customerKey, key.generation, key.wrapped]))[0];
}

/** A data key by its generation; undefined once it is destroyed. */
export async function findDataKey(
  db: Queryable,
  tenant: string,
  customerKey: string,
  generation: number,
): Promise<WrappedKeyRow | undefined> {
  const statement = {
    name: 'find_data_key',
    text: `
      select generation, wrapped
      from data_key
      where tenant = $1 and customer_key = $2 and generation = $3`,
  };
  const rows = await run<WrappedKeyRow>(db, statement, [tenant, customerKey, generation]);
  return rows[0];
}

/** All tenants of the deployment. */
export async function listTenants(db: Queryable): Promise<string[]> {
  const rows = await run<{ tenant: string }>(
    db,
    { name: 'list_tenants', text: 'select tenant from tenant order by tenant' },
    [],
  );
  return rows.map(({ tenant }) => tenant);
}
