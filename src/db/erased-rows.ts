import type { ErasureProbes, StoreCounts } from '../domain/erasure.ts';
import { only, run, type Queryable, type TenantDatabase } from './pools.ts';

/**
 * What the eraser deletes of a record, in an order in which no foreign key is left without its row. Every table with a
 * customer's or a record's id is here, among the customer's own tables below, or in `LEDGER_TABLES`; a test compares
 * this with the catalogue.
 */
const RECORD_TABLES = {
  retrieval_hit: `
    delete from retrieval_hit h using chunk c
    where c.tenant = $1 and c.interaction_id = any($2::uuid[]) and h.tenant = $1 and h.chunk_id = c.chunk_id`,
  embedding: `
    delete from embedding e using chunk c
    where c.tenant = $1 and c.interaction_id = any($2::uuid[]) and e.tenant = $1 and e.chunk_id = c.chunk_id`,
  chunk: 'delete from chunk where tenant = $1 and interaction_id = any($2::uuid[])',
  artifact: 'delete from artifact where tenant = $1 and interaction_id = any($2::uuid[])',
  lineage_edge: 'delete from lineage_edge where tenant = $1 and interaction_id = any($2::uuid[])',
  freshness: 'delete from freshness where tenant = $1 and interaction_id = any($2::uuid[])',
  interaction: 'delete from interaction where tenant = $1 and interaction_id = any($2::uuid[])',
} as const;

/** What belongs to the customer and to no record. `$3` is the watermark. */
const CUSTOMER_TABLES = {
  // A conversation that goes on after the erasure keeps its row, which says nothing of what was in it.
  session: `
    delete from session s
    where s.tenant = $1 and s.customer_key = $2 and $3::timestamptz is not null
      and not exists (select from interaction i where i.tenant = $1 and i.session_id = s.session_id)`,
  retrieval: 'delete from retrieval where tenant = $1 and customer_key = $2 and asked_at <= $3::timestamptz',
  legal_hold: 'delete from legal_hold where tenant = $1 and customer_key = $2 and placed_at <= $3::timestamptz',
} as const;

/** What an erasure leaves on purpose: that it happened, and what keeps the erased from coming back. */
export const LEDGER_TABLES = {
  subject: 'the suppression row: keyed hash, watermark, key generation',
  erasure: 'the ledger of requests',
  tombstone: 'that a record existed, never what',
} as const;

/** Rows of these are deleted as a whole by a step of their own. */
const KEY_TABLES = ['data_key'] as const;

/** All tables that an erasure knows what to do with. */
export const COVERED_TABLES: readonly string[] = [
  ...Object.keys(RECORD_TABLES),
  ...Object.keys(CUSTOMER_TABLES),
  ...Object.keys(LEDGER_TABLES),
  ...KEY_TABLES,
];

/** Which records an erasure takes: those sealed under the destroyed generations, or captured before the watermark. */
export interface CustomerErasure {
  readonly tenant: string;
  readonly erasureId: string;
  readonly customerKey: string;
  readonly erasedBefore: Date;
  readonly destroyedGeneration: number;
}

/**
 * Writes the tombstones of a page of the customer's records; answers how many there were. A record gets its tombstone
 * before its rows go, so that it is refused from then on whatever time it claims.
 */
export async function markCustomerRecords(db: Queryable, erasure: CustomerErasure, limit: number): Promise<number> {
  const statement = {
    name: 'mark_customer_records',
    text: `
      with page as materialized (
        select i.interaction_id, i.modality
        from interaction i
        where i.tenant = $1 and i.customer_key = $3
          and (i.key_generation <= $4::integer or i.captured_at <= $5::timestamptz)
          and not exists (select from tombstone t where t.tenant = $1 and t.interaction_id = i.interaction_id)
        limit $6
      )
      insert into tombstone (tenant, interaction_id, erasure_id, modality, artifacts, chunks, embeddings)
      select $1, page.interaction_id, $2::uuid, page.modality, made.artifacts, made.chunks, made.embeddings
      from page
      cross join lateral (
        select
          (select count(*) from artifact a where a.tenant = $1 and a.interaction_id = page.interaction_id) as artifacts,
          count(distinct c.chunk_id) as chunks,
          count(e.chunk_id) as embeddings
        from chunk c
        left join embedding e on e.tenant = $1 and e.chunk_id = c.chunk_id
        where c.tenant = $1 and c.interaction_id = page.interaction_id
      ) as made
      on conflict do nothing
      returning interaction_id`,
  };
  const { tenant, erasureId, customerKey, destroyedGeneration, erasedBefore } = erasure;
  const values = [tenant, erasureId, customerKey, destroyedGeneration, erasedBefore, limit];
  return (await run(db, statement, values)).length;
}

/** The customer's records that still have rows, a page at a time, in the order of their ids. */
export async function erasedRecords(
  db: Queryable,
  tenant: string,
  erasureId: string,
  after: string | null,
  limit: number,
): Promise<string[]> {
  const statement = {
    name: 'erased_records',
    text: `
      select t.interaction_id
      from tombstone t
      join interaction i on i.tenant = $1 and i.interaction_id = t.interaction_id
      where t.tenant = $1 and t.erasure_id = $2::uuid and ($3::uuid is null or t.interaction_id > $3)
      order by t.interaction_id
      limit $4`,
  };
  const rows = await run<{ interaction_id: string }>(db, statement, [tenant, erasureId, after, limit]);
  return rows.map(({ interaction_id }) => interaction_id);
}

/** Deletes all rows of the given records in one short transaction; answers how many of each table. */
export async function deleteRecords(database: TenantDatabase, interactionIds: readonly string[]): Promise<StoreCounts> {
  const { tenant } = database;
  return database.transaction(async (transaction) => {
    const counts: Record<string, number> = {};
    for (const [table, text] of Object.entries(RECORD_TABLES)) {
      counts[`postgres.${table}`] = await countDeleted(transaction, table, text, [tenant, interactionIds]);
    }
    return counts;
  });
}

/** Deletes what belongs to the customer and to no record. */
export async function deleteCustomerRows(db: Queryable, erasure: CustomerErasure): Promise<StoreCounts> {
  const { tenant, customerKey, erasedBefore } = erasure;
  const counts: Record<string, number> = {};
  for (const [table, text] of Object.entries(CUSTOMER_TABLES)) {
    counts[`postgres.${table}`] = await countDeleted(db, table, text, [tenant, customerKey, erasedBefore]);
  }
  return counts;
}

async function countDeleted(db: Queryable, table: string, text: string, values: unknown[]): Promise<number> {
  const statement = {
    name: `erase_${table}`,
    text: `with deleted as (${text} returning 1) select count(*)::integer as deleted from deleted`,
  };
  return only(await run<{ deleted: number }>(db, statement, values)).deleted;
}

/** Destroys the customer's data keys up to a generation; answers how many there were. */
export async function destroyKeys(db: Queryable, erasure: CustomerErasure): Promise<number> {
  const text = 'delete from data_key where tenant = $1 and customer_key = $2 and generation <= $3';
  const { tenant, customerKey, destroyedGeneration } = erasure;
  return countDeleted(db, 'data_key', text, [tenant, customerKey, destroyedGeneration]);
}

/**
 * Lets sessions of the customer sleep that have nothing left to do, so that no sweep rings for them, and has the others
 * rung at once: their workflows were ended with the rest. A session in which a record arrives at this moment is left
 * as it is: `arrivals` has changed when its row is read again.
 */
export async function quietSessions(db: Queryable, erasure: CustomerErasure): Promise<void> {
  const statement = {
    name: 'quiet_sessions',
    text: `
      update session s set
        awake_since = case when alive.waits then coalesce(s.awake_since, now()) end,
        ring_after = case when alive.waits then now() else s.ring_after end
      from (
        select s.session_id, s.arrivals, exists (
          select
          from freshness f
          join interaction i on i.tenant = $1 and i.interaction_id = f.interaction_id
          where f.tenant = $1 and f.session_id = s.session_id and f.state in ('accepted', 'processing')
            and i.key_generation > $3::integer and i.captured_at > $4::timestamptz
        ) as waits
        from session s
        where s.tenant = $1 and s.customer_key = $2
      ) as alive
      where s.tenant = $1 and s.session_id = alive.session_id and s.arrivals = alive.arrivals
        and (s.awake_since is not null or alive.waits)`,
  };
  const { tenant, customerKey, destroyedGeneration, erasedBefore } = erasure;
  await run(db, statement, [tenant, customerKey, destroyedGeneration, erasedBefore]);
}

/** Workflow ids of the customer's sessions: those that end with this erasure, and those that have newer records. */
export async function sessionWorkflows(
  db: Queryable,
  { tenant, customerKey, destroyedGeneration }: CustomerErasure,
): Promise<{ workflow_id: string; survives: boolean }[]> {
  const statement = {
    name: 'session_workflows',
    text: `
      select s.workflow_id, exists (
        select
        from interaction i
        where i.tenant = $1 and i.session_id = s.session_id and i.key_generation > $3::integer
      ) as survives
      from session s
      where s.tenant = $1 and s.customer_key = $2`,
  };
  return run(db, statement, [tenant, customerKey, destroyedGeneration]);
}

/** Ids, and keyed hashes of texts, of some of what is about to go, spread over all of it. */
export async function sampleProbes(
  db: Queryable,
  tenant: string,
  erasureId: string,
  limit: number,
): Promise<{ chunks: { chunk_id: string; text: string }[]; objects: string[]; runs: ErasureProbes['runs'] }> {
  const chunks = {
    name: 'sample_erased_chunks',
    text: `
      select c.chunk_id, c.text
      from tombstone t
      join chunk c on c.tenant = $1 and c.interaction_id = t.interaction_id
      where t.tenant = $1 and t.erasure_id = $2::uuid
      order by c.chunk_id
      limit $3`,
  };
  const objects = {
    name: 'sample_erased_objects',
    text: `
      select i.raw_object as object
      from tombstone t
      join interaction i on i.tenant = $1 and i.interaction_id = t.interaction_id
      where t.tenant = $1 and t.erasure_id = $2::uuid and i.raw_object is not null
      order by t.interaction_id
      limit $3`,
  };
  const runs = {
    name: 'sample_erased_runs',
    text: `
      select distinct l.workflow_id as "workflowId", l.run_id as "runId"
      from tombstone t
      join lineage_edge l on l.tenant = $1 and l.interaction_id = t.interaction_id
      where t.tenant = $1 and t.erasure_id = $2::uuid and l.run_id is not null
      limit $3`,
  };
  const values = [tenant, erasureId, limit];
  return {
    chunks: await run(db, chunks, values),
    objects: (await run<{ object: string }>(db, objects, values)).map(({ object }) => object),
    runs: await run(db, runs, values),
  };
}
