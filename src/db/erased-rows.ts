import type { ErasureRef, StoreCounts } from '../domain/erasure.ts';
import { only, run, type Queryable, type TenantDatabase } from './pools.ts';

/**
 * What the eraser deletes of a record, in an order in which no foreign key is left without its row. Every table with a
 * customer's or a record's id is here, among the customer's own tables below, or in `LEDGER_TABLES`; a test compares
 * this with the catalogue.
 */
const RECORD_TABLES = {
  exposure: 'delete from exposure where tenant = $1 and interaction_id = any($2::uuid[])',
  retrieval_hit: `
    delete from retrieval_hit h using chunk c
    where c.tenant = $1 and c.interaction_id = any($2::uuid[]) and h.tenant = $1 and h.chunk_id = c.chunk_id`,
  embedding: `
    delete from embedding e using chunk c
    where c.tenant = $1 and c.interaction_id = any($2::uuid[]) and e.tenant = $1 and e.chunk_id = c.chunk_id`,
  embedding_failure: 'delete from embedding_failure where tenant = $1 and interaction_id = any($2::uuid[])',
  chunk: 'delete from chunk where tenant = $1 and interaction_id = any($2::uuid[])',
  quarantine_decision: 'delete from quarantine_decision where tenant = $1 and interaction_id = any($2::uuid[])',
  artifact: 'delete from artifact where tenant = $1 and interaction_id = any($2::uuid[])',
  lineage_edge: 'delete from lineage_edge where tenant = $1 and interaction_id = any($2::uuid[])',
  replay_failure: 'delete from replay_failure where tenant = $1 and interaction_id = any($2::uuid[])',
  media_view: 'delete from media_view where tenant = $1 and interaction_id = any($2::uuid[])',
  redacted_media: 'delete from redacted_media where tenant = $1 and interaction_id = any($2::uuid[])',
  freshness: 'delete from freshness where tenant = $1 and interaction_id = any($2::uuid[])',
  interaction: 'delete from interaction where tenant = $1 and interaction_id = any($2::uuid[])',
} as const;

/** What belongs to the customer and to no record. `$3` is the watermark. Each is repeated until it deletes nothing. */
const CUSTOMER_TABLES = {
  // A conversation that goes on after the erasure keeps its row, which says nothing of what was in it.
  session: `
    delete from session s
    where s.tenant = $1 and s.customer_key = $2 and $3::timestamptz is not null
      and not exists (select from interaction i where i.tenant = $1 and i.session_id = s.session_id)`,
  retrieval: `
    delete from retrieval
    where tenant = $1 and retrieval_id in (
      select retrieval_id
      from retrieval
      where tenant = $1 and customer_key = $2 and asked_at <= $3::timestamptz
      limit 5000)`,
  // A replay of this customer alone; its failures go with their records.
  replay: 'delete from replay where tenant = $1 and customer_key = $2 and created_at <= $3::timestamptz',
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

/** Where a walk over a customer's records stands: time and id of the last one. The time is Postgres' own text of it. */
export interface RecordCursor {
  readonly captured_at: string;
  readonly interaction_id: string;
}

export const FIRST_RECORD: RecordCursor = {
  captured_at: '-infinity',
  interaction_id: '00000000-0000-0000-0000-000000000000',
};

/**
 * The next page of the records that an erasure takes, in the order of the index `interaction_by_customer`: a walk costs
 * the same for each page, however many customers there are.
 */
export async function recordsToErase(
  db: Queryable,
  erasure: CustomerErasure,
  after: RecordCursor,
  limit: number,
): Promise<RecordCursor[]> {
  const statement = {
    name: 'records_to_erase',
    text: `
      select captured_at::text as captured_at, interaction_id
      from interaction
      where tenant = $1 and customer_key = $2
        and captured_at >= $5::timestamptz and (captured_at, interaction_id) > ($5::timestamptz, $6::uuid)
        and (key_generation <= $3::integer or captured_at <= $4::timestamptz)
      order by captured_at, interaction_id
      limit $7`,
  };
  const { tenant, customerKey, destroyedGeneration, erasedBefore } = erasure;
  const { captured_at, interaction_id } = after;
  const values = [tenant, customerKey, destroyedGeneration, erasedBefore, captured_at, interaction_id, limit];
  return run<RecordCursor>(db, statement, values);
}

/**
 * Writes the tombstones of records, before their rows go: from then on they are refused whatever time they claim.
 * Records that have one, of another erasure perhaps, keep it.
 */
export async function markRecords(
  db: Queryable,
  { tenant, erasureId }: ErasureRef,
  interactionIds: readonly string[],
): Promise<void> {
  const statement = {
    name: 'mark_records',
    text: `
      insert into tombstone (tenant, interaction_id, erasure_id, modality, artifacts, chunks, embeddings)
      select $1, i.interaction_id, $2::uuid, i.modality, made.artifacts, made.chunks, made.embeddings
      from interaction i
      cross join lateral (
        select
          (select count(*) from artifact a where a.tenant = $1 and a.interaction_id = i.interaction_id) as artifacts,
          count(distinct c.chunk_id) as chunks,
          count(e.chunk_id) as embeddings
        from chunk c
        left join embedding e on e.tenant = $1 and e.chunk_id = c.chunk_id
        where c.tenant = $1 and c.interaction_id = i.interaction_id
      ) as made
      where i.tenant = $1 and i.interaction_id = any($3::uuid[])
      on conflict do nothing`,
  };
  await run(db, statement, [tenant, erasureId, interactionIds]);
}

/**
 * Deletes all rows of the given records in one short transaction, and those of the given sessions of which no record is
 * left then; answers how many of each table.
 */
export async function deleteRecords(
  database: TenantDatabase,
  interactionIds: readonly string[],
  sessionIds: readonly string[] = [],
): Promise<StoreCounts> {
  const { tenant } = database;
  return database.transaction(async (transaction) => {
    const counts: Record<string, number> = {};
    for (const [table, text] of Object.entries(RECORD_TABLES)) {
      counts[`postgres.${table}`] = await countDeleted(transaction, table, text, [tenant, interactionIds]);
    }
    if (sessionIds.length > 0) await deleteEmptySessions(transaction, tenant, sessionIds);
    return counts;
  });
}

async function deleteEmptySessions(db: Queryable, tenant: string, sessionIds: readonly string[]): Promise<void> {
  const statement = {
    name: 'delete_empty_sessions',
    text: `
      delete from session s
      where s.tenant = $1 and s.session_id = any($2::uuid[])
        and not exists (select from interaction i where i.tenant = $1 and i.session_id = s.session_id)`,
  };
  await run(db, statement, [tenant, sessionIds]);
}

/** Deletes what belongs to the customer and to no record. */
export async function deleteCustomerRows(db: Queryable, erasure: CustomerErasure): Promise<StoreCounts> {
  const { tenant, customerKey, erasedBefore } = erasure;
  const counts: Record<string, number> = {};
  for (const [table, text] of Object.entries(CUSTOMER_TABLES)) {
    let all = 0;
    let deleted: number;
    do {
      deleted = await countDeleted(db, table, text, [tenant, customerKey, erasedBefore]);
      all += deleted;
    } while (deleted > 0);
    counts[`postgres.${table}`] = all;
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
