import type pg from 'pg';
import { ensureIndex } from '../src/db/index-partitions.ts';
import type { PartitionSpec } from '../src/db/index-segments.ts';
import { payloadContext } from '../src/domain/payload.ts';
import { createDataKey, seal } from '../src/raw-store/envelope.ts';

/** A customer of the bench, with rows as the pipeline writes them but for their texts, which are made up. */
export interface BenchCustomer {
  readonly customerKey: string;
  readonly chunks: number;
}

const CHUNKS_PER_RECORD = 10;

/** Seals the payloads of a customer's records as intake does, so that answers can name them. */
export async function sealPayloads(
  pool: pg.Pool,
  masterKey: Buffer,
  { customerKey, customerId }: { readonly customerKey: string; readonly customerId: string },
): Promise<void> {
  const owner = { tenant: 'default', customerKey, generation: 1 };
  const { dataKey, wrapped } = createDataKey(masterKey, owner);
  await pool.query(`insert into data_key (tenant, customer_key, generation, wrapped) values ('default', $1, 1, $2)`, [
    customerKey,
    wrapped,
  ]);
  const { rows } = await pool.query<{ id: string }>(
    'select interaction_id as id from interaction where customer_key = $1',
    [customerKey],
  );
  const sealed = rows.map(({ id }) => {
    const payload = { channel: 'chat', customerId, conversationId: id, messageId: id, author: 'customer', text: '' };
    const bytes = Buffer.from(JSON.stringify({ ...payload, sentAt: '2026-11-21T00:00:00Z' }));
    return seal(dataKey, bytes, payloadContext('default', id));
  });
  await pool.query(
    `update interaction set sealed_payload = sealed.payload
     from unnest($1::uuid[], $2::bytea[]) as sealed (id, payload)
     where interaction_id = sealed.id`,
    [rows.map(({ id }) => id), sealed],
  );
}

/**
 * Loads customers with their records, chunks, vectors and lineage. Vectors are random units; the HNSW index is built
 * at the end, over all of them.
 */
export async function loadCorpus(pool: pg.Pool, customers: readonly BenchCustomer[]): Promise<void> {
  const database = await pool.connect();
  const { rows } = await database.query<PartitionSpec>(
    `select index_version, dimensions, storage from index_version where state = 'live'`,
  );
  const live = rows[0]!;
  await makeParts(database, live.dimensions);
  for (const customer of customers) await loadCustomer(database, customer, live.index_version);
  await ensureIndex(database, live, { memoryMb: 1_024, workers: 1 });
  await database.query('analyze');
  database.release(true);
}

/** Random vectors; the sum of two of them is a vector of the corpus, which is much faster than drawing each anew. */
async function makeParts(database: pg.PoolClient, dimensions: number): Promise<void> {
  await database.query(
    `create temporary table part as
     select place, (select array_agg(random() - 0.5)::vector from generate_series(1, $1::integer) where place >= 0) as vector
     from generate_series(0, 1401) place`,
    [dimensions],
  );
}

async function loadCustomer(
  database: pg.PoolClient,
  { customerKey, chunks }: BenchCustomer,
  version: number,
): Promise<void> {
  const records = Math.ceil(chunks / CHUNKS_PER_RECORD);
  await database.query(`insert into subject (tenant, customer_key) values ('default', $1) on conflict do nothing`, [
    customerKey,
  ]);
  await database.query(
    `with sessions as (
       insert into session (tenant, session_id, channel, customer_key, workflow_id, ring_after)
       select 'default', gen_random_uuid(), 'chat', $1, 'chat/' || n, now() from generate_series(1, ceil($2::integer / 20.0)::integer) n
       returning session_id
     ), numbered as (
       select session_id, row_number() over () - 1 as place, count(*) over () as sessions from sessions
     ), logged as (
       insert into interaction (tenant, interaction_id, session_id, customer_key, channel, modality, author, body_hash,
         captured_at, accepted_at, key_generation, sealed_payload, media_type, code_version)
       select 'default', gen_random_uuid(), session_id, $1, 'chat', 'chat', 'customer', 'bench',
         now() - n * interval '1 minute', now(), 1, '\\x00', 'text/plain', 'bench'
       from generate_series(1, $2::integer) n
       join numbered on place = n % sessions
       returning interaction_id, session_id, captured_at
     ), stamped as (
       insert into freshness (tenant, interaction_id, session_id, customer_key, modality, state, captured_at, accepted_at)
       select 'default', interaction_id, session_id, $1, 'chat', 'reachable', captured_at, now() from logged
     )
     insert into artifact (tenant, artifact_id, interaction_id, customer_key, kind, state, content, confidence, model,
       model_version, redactor_version, code_version)
     select 'default', gen_random_uuid(), interaction_id, $1, 'message', 'active', '[]', 1, 'typed', '1', 'bench', 'bench'
     from logged`,
    [customerKey, records],
  );
  // Without statistics the joins below are planned for tables of a page.
  await database.query('analyze artifact, interaction');
  await database.query(
    `insert into chunk (tenant, chunk_id, artifact_id, interaction_id, session_id, customer_key, modality, ordinal,
       text, place, confidence, event_time, chunker_version)
     select 'default', gen_random_uuid(), a.artifact_id, i.interaction_id, i.session_id, $1, 'chat', n,
       'invoice refund parcel login ' || md5(random()::text) || ' checkout error payment ' || md5(random()::text),
       '{"kind": "message"}', 1, i.captured_at, 'bench'
     from artifact a
     join interaction i using (tenant, interaction_id)
     cross join generate_series(1, $2::integer) n
     where a.customer_key = $1`,
    [customerKey, CHUNKS_PER_RECORD],
  );
  await database.query('analyze chunk');
  await database.query(
    `insert into embedding (index_version, tenant, chunk_id, customer_key, embedding, model_version, embedded_at,
       committed_at, reachable_at)
     select $2::integer, 'default', chunk_id, $1,
       one.vector + other.vector, 'bench', now(), now(), now()
     from (select chunk_id, row_number() over () as place from chunk where customer_key = $1) as own
     join part one on one.place = own.place % 701
     join part other on other.place = own.place / 701 % 701 + 701`,
    [customerKey, version],
  );
  await database.query(
    `insert into lineage_edge (tenant, from_id, to_id, from_kind, to_kind, interaction_id, customer_key, activity,
       code_version)
     select 'default', interaction_id, artifact_id, 'raw', 'artifact', interaction_id, $1, 'redact', 'bench'
     from artifact where customer_key = $1
     union all
     select 'default', artifact_id, chunk_id, 'artifact', 'chunk', interaction_id, $1, 'chunk', 'bench'
     from chunk where customer_key = $1
     union all
     select 'default', chunk_id, gen_random_uuid(), 'chunk', 'embedding', interaction_id, $1, 'embed', 'bench'
     from chunk where customer_key = $1`,
    [customerKey],
  );
}
