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
  readonly session_id: string;
  readonly arrivals: number;
  readonly customer_key: string;
  readonly waiting: number;
  readonly oldest_ms: number;
  readonly picked_up_at: Date;
  readonly interaction_id: string | null;
  readonly chunk_id: string | null;
  readonly text: string | null;
  readonly known_vector: string | null;
}

/** A conversation of which at most `limit` messages are wanted. */
export interface TakeRequest {
  readonly sessionId: string;
  readonly limit: number;
}

/**
 * The next messages of conversations, oldest first, with their chunks; undefined for one that is not there. Reading
 * `arrivals` in the same snapshot is what makes sleeping safe: a message that is not in this list must have raised it.
 */
export async function takeMessages(
  db: Queryable,
  tenant: string,
  requests: readonly TakeRequest[],
  indexVersion: number,
): Promise<(MessageBatch | undefined)[]> {
  const limits = new Map<string, number>();
  for (const { sessionId, limit } of requests) limits.set(sessionId, Math.max(limit, limits.get(sessionId) ?? 0));
  const rows = await run<MessageBatchRow>(db, TAKE, [tenant, [...limits.keys()], [...limits.values()], indexVersion]);
  const bySession = Map.groupBy(rows, ({ session_id }) => session_id);
  return requests.map(({ sessionId }) => batchOf(bySession.get(sessionId)));
}

const TAKE = {
  name: 'take_messages',
  text: `
    with asked as materialized (
      select session_id, most from unnest($2::uuid[], $3::integer[]) as asked (session_id, most)
    ), waiting as materialized (
      select f.session_id, f.interaction_id, f.accepted_at, f.captured_at,
        row_number() over (partition by f.session_id order by f.accepted_at) as place
      from asked
      join freshness f on f.tenant = $1 and f.session_id = asked.session_id and f.state in ('accepted', 'processing')
    ), told as materialized (
      select session_id, count(*)::integer as waiting,
        (extract(epoch from clock_timestamp() - min(accepted_at)) * 1000)::float8 as oldest_ms
      from waiting
      group by session_id
    )
    select
      s.session_id, s.arrivals::integer, s.customer_key,
      coalesce(told.waiting, 0) as waiting, coalesce(told.oldest_ms, 0) as oldest_ms, clock_timestamp() as picked_up_at,
      batch.interaction_id, c.chunk_id, c.text, known.vector as known_vector
    from asked
    join session s on s.tenant = $1 and s.session_id = asked.session_id
    left join told on told.session_id = s.session_id
    left join waiting batch on batch.session_id = s.session_id and batch.place <= asked.most
    left join chunk c on c.tenant = $1 and c.interaction_id = batch.interaction_id
    ${knownVector('$4')}
    order by s.session_id, batch.captured_at, batch.interaction_id, c.ordinal`,
};

function batchOf(rows: readonly MessageBatchRow[] | undefined): MessageBatch | undefined {
  const [first] = rows ?? [];
  if (rows === undefined || first === undefined) return undefined;
  return {
    arrivals: first.arrivals,
    customerKey: first.customer_key,
    waiting: first.waiting,
    oldestMs: first.oldest_ms,
    pickedUpAt: first.picked_up_at,
    interactionIds: [...new Set(rows.flatMap(({ interaction_id }) => interaction_id ?? []))],
    chunks: rows.filter((row): row is MessageBatchRow & ChunkToEmbed => row.chunk_id !== null),
  };
}

/** Vectors of one model, and what made each. */
export interface NewEmbeddings {
  readonly tenant: string;
  readonly indexVersion: number;
  readonly model: string;
  readonly modelVersion: string;
  readonly codeVersion: string;
  readonly lineageDepths?: LineageDepths;
  readonly rows: readonly NewEmbedding[];
}

export interface NewEmbedding {
  readonly chunkId: string;
  readonly embeddingId: string;
  /** Numbers, or pgvector's text form of them. */
  readonly vector: readonly number[] | string;
  readonly workflowId: string | null;
  readonly runId: string | null;
  /** When a worker took the record; null leaves the stamp as it is. */
  readonly pickedUpAt: Date | null;
}

/**
 * Writes vectors, lineage and stamps in one transaction. Subjects are locked in the order of their keys, so that two
 * batches cannot wait for each other; chunks of a record captured before its customer's erasure are left out.
 * Stamps of a record that was reachable already stay: they tell how fresh it was, not when it was made anew.
 * Writing the same vectors again changes nothing. Answers the chunks that are now present.
 */
export async function storeEmbeddings(db: Queryable, embeddings: NewEmbeddings): Promise<string[]> {
  const { rows: given } = embeddings;
  const rows = await run<{ chunk_id: string }>(db, STORE, [
    embeddings.tenant,
    given.map(({ chunkId }) => chunkId),
    given.map(({ embeddingId }) => embeddingId),
    given.map(({ vector }) => vectorLiteral(vector)),
    embeddings.indexVersion,
    embeddings.model,
    embeddings.modelVersion,
    embeddings.codeVersion,
    given.map(({ workflowId }) => workflowId),
    given.map(({ runId }) => runId),
    tracedModalities(embeddings.lineageDepths),
    given.map(({ pickedUpAt }) => pickedUpAt),
  ]);
  return rows.map(({ chunk_id }) => chunk_id);
}

const STORE = {
  name: 'store_embeddings',
  text: `
    ${VECTORS_BEHIND_FENCE}, picked_up as (
      select admitted.interaction_id, min(told.picked_up_at) as picked_up_at
      from admitted
      join unnest($2::uuid[], $12::timestamptz[]) as told (chunk_id, picked_up_at) using (chunk_id)
      group by admitted.interaction_id
    ), stamped as (
      update freshness f set
        picked_up_at = coalesce(f.picked_up_at, picked_up.picked_up_at),
        transformed_at = statement_timestamp(),
        indexed_at = clock_timestamp()
      from picked_up
      where f.tenant = $1 and f.interaction_id = picked_up.interaction_id and f.reachable_at is null
    )
    select chunk_id from admitted`,
};

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

/** Records whose step has ended, and those of their chunks that a probe has seen. */
export interface SettleRequest {
  readonly interactionIds: readonly string[];
  readonly reachableChunks: readonly string[];
  readonly sleep?: SleepCondition;
}

/**
 * Stamps what a probe has seen as reachable and settles the records that are then complete: `reachable` when all
 * pieces are there and every active chunk has a reachable vector, else `quarantined` or `failed` when nothing of it
 * can be. With `sleep`, puts the session to sleep in the same transaction; answers for each request whether it now
 * sleeps.
 *
 * A piece counts by its best artifact, so a failure that a later attempt mended is forgotten.
 */
export async function settle(
  db: Queryable,
  tenant: string,
  indexVersion: number,
  requests: readonly SettleRequest[],
): Promise<boolean[]> {
  const sleeps = requests.flatMap(({ sleep }) => sleep ?? []);
  const { asleep } = only(
    await run<{ asleep: string[] }>(db, SETTLE, [
      tenant,
      indexVersion,
      requests.flatMap(({ interactionIds }) => interactionIds),
      requests.flatMap(({ reachableChunks }) => reachableChunks),
      sleeps.map(({ sessionId }) => sessionId),
      sleeps.map(({ arrivals }) => arrivals),
    ]),
  );
  const sleeping = new Set(asleep);
  return requests.map(({ sleep }) => sleep !== undefined && sleeping.has(sleep.sessionId));
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
      update session s set awake_since = null
      from unnest($5::uuid[], $6::bigint[]) as empty (session_id, arrivals)
      where s.tenant = $1 and s.session_id = empty.session_id and s.arrivals = empty.arrivals
        and not exists (
          select
          from freshness f
          where f.tenant = $1 and f.session_id = s.session_id and f.state in ('accepted', 'processing')
            and f.interaction_id not in (select interaction_id from settled))
      returning s.session_id
    )
    select array(select session_id from slept) as asleep`,
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
