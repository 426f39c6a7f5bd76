import { tracedModalities, type LineageDepths } from '../domain/lineage-depth.ts';
import { only, run, type Queryable } from './pools.ts';
import { knownVector } from './known-vector.ts';
import { servedBy } from './served.ts';
import { VECTORS_BEHIND_FENCE } from './vectors-behind-fence.ts';

/** A chunk that has no reachable vector in an index version yet. */
export interface ChunkToEmbed {
  readonly chunk_id: string;
  readonly interaction_id: string;
  readonly customer_key: string;
  readonly text: string;
  /** The vector, in pgvector's text form, that the version has of the same text of the same customer; else null. */
  readonly known_vector: string | null;
}

/**
 * Chunks of the given artifacts that lack a reachable vector, in reading order. One whose vector is there and was never
 * seen by a probe is among them: the step that wrote it ended in between.
 */
export async function chunksToEmbed(
  db: Queryable,
  tenant: string,
  artifactIds: readonly string[],
  indexVersion: number,
): Promise<ChunkToEmbed[]> {
  const statement = {
    name: 'chunks_to_embed',
    text: `
      select c.chunk_id, c.interaction_id, c.customer_key, c.text, known.vector as known_vector
      from chunk c
      ${knownVector('$3')}
      where c.tenant = $1 and c.artifact_id = any($2::uuid[])
        and not exists (
          select from embedding e
          where e.index_version = $3 and e.tenant = $1 and e.chunk_id = c.chunk_id and e.reachable_at is not null)
      order by c.event_time, c.artifact_id, c.ordinal`,
  };
  return run<ChunkToEmbed>(db, statement, [tenant, artifactIds, indexVersion]);
}

/** What waits in a conversation, as of one snapshot. */
export interface MessageBatch {
  readonly arrivals: number;
  readonly customerKey: string;
  /** Messages that wait, also those beyond the limit of the batch. */
  readonly waiting: number;
  /** Age of the oldest waiting message. */
  readonly oldestMs: number;
  readonly pickedUpAt: Date;
  readonly interactionIds: readonly string[];
  readonly chunks: readonly ChunkToEmbed[];
}

interface MessageBatchRow {
  readonly arrivals: number;
  readonly customer_key: string;
  readonly waiting: number;
  readonly oldest_ms: number | null;
  readonly picked_up_at: Date;
  readonly interaction_id: string | null;
  readonly chunk_id: string | null;
  readonly text: string | null;
  readonly known_vector: string | null;
}

/**
 * The next messages of a conversation, oldest first, with their chunks. Reading `arrivals` in the same snapshot is
 * what makes sleeping safe: a message that is not in this list must have raised it.
 */
export async function takeMessages(
  db: Queryable,
  tenant: string,
  sessionId: string,
  limit: number,
  indexVersion: number,
): Promise<MessageBatch | undefined> {
  const statement = {
    name: 'take_messages',
    text: `
      with waiting as materialized (
        select interaction_id, accepted_at, captured_at
        from freshness
        where tenant = $1 and session_id = $2::uuid and state in ('accepted', 'processing')
      ), batch as materialized (
        select interaction_id, captured_at from waiting order by accepted_at limit $3
      )
      select
        s.arrivals::integer, s.customer_key,
        (select count(*)::integer from waiting) as waiting,
        (select extract(epoch from clock_timestamp() - min(accepted_at)) * 1000 from waiting)::float8 as oldest_ms,
        clock_timestamp() as picked_up_at,
        batch.interaction_id, c.chunk_id, c.text, known.vector as known_vector
      from session s
      left join batch on true
      left join chunk c on c.tenant = $1 and c.interaction_id = batch.interaction_id
      ${knownVector('$4')}
      where s.tenant = $1 and s.session_id = $2::uuid
      order by batch.captured_at, batch.interaction_id, c.ordinal`,
  };
  const rows = await run<MessageBatchRow>(db, statement, [tenant, sessionId, limit, indexVersion]);
  const [first] = rows;
  if (first === undefined) return undefined;
  return {
    arrivals: first.arrivals,
    customerKey: first.customer_key,
    waiting: first.waiting,
    oldestMs: first.oldest_ms ?? 0,
    pickedUpAt: first.picked_up_at,
    interactionIds: [...new Set(rows.flatMap(({ interaction_id }) => interaction_id ?? []))],
    chunks: rows.filter((row): row is MessageBatchRow & ChunkToEmbed => row.chunk_id !== null),
  };
}

/** The vectors of a batch and what made them. */
export interface NewEmbeddings {
  readonly tenant: string;
  readonly indexVersion: number;
  readonly model: string;
  readonly modelVersion: string;
  readonly codeVersion: string;
  readonly workflowId: string | null;
  readonly runId: string | null;
  /** When a worker took the batch; null leaves the stamp as it is. */
  readonly pickedUpAt: Date | null;
  readonly lineageDepths?: LineageDepths;
  readonly rows: readonly {
    readonly chunkId: string;
    readonly embeddingId: string;
    /** Numbers, or pgvector's text form of them. */
    readonly vector: readonly number[] | string;
  }[];
}

/**
 * Writes vectors, lineage and stamps of a batch in one transaction. Subjects are locked in the order of their keys, so
 * that two batches cannot wait for each other; chunks of a record captured before its customer's erasure are left out.
 * Stamps of a record that was reachable already stay: they tell how fresh it was, not when it was made anew.
 * Writing the same vectors again changes nothing. Answers the chunks that are now present.
 */
export async function storeEmbeddings(db: Queryable, embeddings: NewEmbeddings): Promise<string[]> {
  const statement = {
    name: 'store_embeddings',
    text: `
      ${VECTORS_BEHIND_FENCE}, stamped as (
        update freshness f set
          picked_up_at = coalesce(f.picked_up_at, $12::timestamptz),
          transformed_at = statement_timestamp(),
          indexed_at = clock_timestamp()
        where f.tenant = $1 and f.interaction_id in (select interaction_id from admitted) and f.reachable_at is null
      )
      select chunk_id from admitted`,
  };
  const rows = await run<{ chunk_id: string }>(db, statement, [
    embeddings.tenant,
    embeddings.rows.map(({ chunkId }) => chunkId),
    embeddings.rows.map(({ embeddingId }) => embeddingId),
    embeddings.rows.map(({ vector }) => vectorLiteral(vector)),
    embeddings.indexVersion,
    embeddings.model,
    embeddings.modelVersion,
    embeddings.codeVersion,
    embeddings.workflowId,
    embeddings.runId,
    tracedModalities(embeddings.lineageDepths),
    embeddings.pickedUpAt,
  ]);
  return rows.map(({ chunk_id }) => chunk_id);
}

/** pgvector's text form. */
export function vectorLiteral(vector: readonly number[] | string): string {
  return typeof vector === 'string' ? vector : `[${vector.join(',')}]`;
}

/** A session to put to sleep once its batch is settled, if nothing arrived since. */
export interface SleepCondition {
  readonly sessionId: string;
  readonly arrivals: number;
}

/**
 * Stamps chunks as reachable. A statement of its own where pieces of one record end side by side: the last of their
 * `settle` statements then begins after all stamps are committed, and sees them.
 */
export async function stampReachable(
  db: Queryable,
  tenant: string,
  indexVersion: number,
  chunkIds: readonly string[],
): Promise<void> {
  const statement = {
    name: 'stamp_reachable',
    text: `
      update embedding set reachable_at = coalesce(reachable_at, clock_timestamp())
      where index_version = $2 and tenant = $1 and chunk_id = any($3::uuid[])`,
  };
  await run(db, statement, [tenant, indexVersion, chunkIds]);
}

/**
 * Stamps what a probe has seen as reachable and settles the records that are then complete: `reachable` when all
 * pieces are there and every active chunk has a reachable vector, else `quarantined` or `failed` when nothing of it
 * can be. With `sleep`, puts the session to sleep in the same transaction; answers whether it now sleeps.
 *
 * A piece counts by its best artifact, so a failure that a later attempt mended is forgotten.
 */
export async function settle(
  db: Queryable,
  tenant: string,
  indexVersion: number,
  interactionIds: readonly string[],
  reachableChunks: readonly string[],
  sleep: SleepCondition | undefined,
): Promise<boolean> {
  const values = [
    tenant,
    indexVersion,
    interactionIds,
    reachableChunks,
    sleep?.sessionId ?? null,
    sleep?.arrivals ?? 0,
  ];
  return only(await run<{ asleep: boolean }>(db, SETTLE, values)).asleep;
}

const SETTLE = {
  name: 'settle',
  text: `
    with seen as (
      update embedding set reachable_at = coalesce(reachable_at, clock_timestamp())
      where index_version = $2 and tenant = $1 and chunk_id = any($4::uuid[])
    ), piece as materialized (
      select
        interaction_id, kind, piece,
        bool_or(state = 'active') as active,
        bool_or(state in ('quarantined', 'discarded')) as quarantined,
        min(reason) as reason
      from artifact
      where tenant = $1 and interaction_id = any($3::uuid[]) and state not in ('superseded', 'staged')
      group by interaction_id, kind, piece
    ), record as materialized (
      select
        p.interaction_id,
        count(*) as pieces,
        bool_or(active) as active,
        bool_or(quarantined) as quarantined,
        min(reason) filter (where not active) as reason,
        coalesce(array_agg(distinct kind) filter (where not active and not quarantined), '{}') as failed_kinds,
        not exists (
          select
          from chunk c
          join artifact a on a.tenant = $1 and a.artifact_id = c.artifact_id and a.state = 'active'
          left join embedding e on e.index_version = $2 and e.tenant = $1 and e.chunk_id = c.chunk_id
          where c.tenant = $1 and c.interaction_id = p.interaction_id and ${servedBy('$2')}
            and e.reachable_at is null and not c.chunk_id = any($4::uuid[])
        ) as all_reachable
      from piece p
      group by p.interaction_id
    ), settled as (
      update freshness f set
        state = case when r.active then 'reachable' when r.quarantined then 'quarantined' else 'failed' end,
        reason = r.reason,
        degraded = case when r.active then r.failed_kinds else '{}' end,
        reachable_at = case when r.active then coalesce(f.reachable_at, clock_timestamp()) end
      from record r
      where f.tenant = $1 and f.interaction_id = r.interaction_id
        and f.state in ('accepted', 'processing')
        and r.pieces >= f.pieces_total and r.all_reachable
      returning f.interaction_id
    ), slept as (
      update session set awake_since = null
      where tenant = $1 and session_id = $5::uuid and arrivals = $6
        and not exists (
          select
          from freshness
          where tenant = $1 and session_id = $5 and state in ('accepted', 'processing')
            and interaction_id not in (select interaction_id from settled))
      returning session_id
    )
    select exists (select from slept) as asleep`,
};

/** Closes the books on records that the fence refused: they were captured before their customer's erasure. */
export async function markErased(db: Queryable, tenant: string, interactionIds: readonly string[]): Promise<void> {
  const statement = {
    name: 'mark_erased',
    text: `
      update freshness set state = 'erased', reachable_at = null
      where tenant = $1 and interaction_id = any($2::uuid[])`,
  };
  await run(db, statement, [tenant, interactionIds]);
}

/**
 * Asks the read path, in the role of the readers, which of these chunks it can return: visible to the tenant, active,
 * with a vector of the live version at distance 0 from itself (a zero vector has none). "Present" is not "reachable".
 */
export async function probeReachable(
  reader: Queryable,
  tenant: string,
  indexVersion: number,
  chunkIds: readonly string[],
): Promise<string[]> {
  const statement = {
    name: 'probe_reachable',
    text: `
      select c.chunk_id
      from chunk c
      join artifact a on a.tenant = c.tenant and a.artifact_id = c.artifact_id
      join embedding e on e.index_version = $2 and e.tenant = c.tenant and e.chunk_id = c.chunk_id
      where c.tenant = $1 and c.chunk_id = any($3::uuid[]) and ${servedBy('$2')}
        and (a.state = 'active' or a.shown_in = $2) and abs(e.embedding <=> e.embedding) < 0.001`,
  };
  const rows = await run<{ chunk_id: string }>(reader, statement, [tenant, indexVersion, chunkIds]);
  return rows.map(({ chunk_id }) => chunk_id);
}
