import type pg from 'pg';

/** What is loaded: sizes of the data set. */
export interface DataSize {
  readonly chunks: number;
  /** Keys of customers, the largest first. */
  readonly customers: readonly string[];
}

/** Chunks of one record: a chat has one, a call several; this is their mean. */
const CHUNKS_PER_RECORD = 4;
/** Exponent of Zipf's law for records by customer: the largest of 5,000 has some 4 % of all. */
const SKEW = 0.8;

/**
 * Vectors are mixtures, as those of real texts are: one of 500 topics (length 1, the common ones more often), one of its
 * ten subtopics (0.6), and what is a text's own (two drawn parts of 0.35 each, four million pairs). Texts of a subtopic
 * are at a cosine similarity of 0.85, of a topic at 0.62, others at 0.
 */
const MAKE_PARTS = `
  create temporary table part (kind text, place integer, vector vector, primary key (kind, place));
  select setseed(0.42);
  insert into part
  select kind, place, (
    select array_agg(random_normal(0, length / sqrt(384)) + 0 * (place + n))::vector from generate_series(1, 384) n)
  from (values ('topic', 500, 1.0), ('subtopic', 5000, 0.6), ('own', 2000, 0.35), ('other', 2000, 0.35)) as k (kind, count, length)
  cross join generate_series(0, count - 1) as place;
  analyze part`;

/** Sessions, records and what stands for them, by customers of Zipf sizes. */
const LOAD_RECORDS = `
  with customer as (
    select n, ($5::text[])[n] as customer_key,
      greatest(1, round($1::integer / $3::float8 * power(n, -$4::float8)
        / (select sum(power(m, -$4::float8)) from generate_series(1, $2) m)))::integer as records
    from generate_series(1, $2::integer) n
  ), subjects as (
    insert into subject (tenant, customer_key) select 'default', customer_key from customer on conflict do nothing
  ), sessions as (
    insert into session (tenant, session_id, channel, customer_key, workflow_id, ring_after)
    select 'default', md5('session ' || n)::uuid, 'chat', customer_key, 'bench/' || n, now() from customer
  ), record as materialized (
    select md5('record ' || n || ' ' || m)::uuid as id, md5('session ' || n)::uuid as session_id, customer_key,
      (array['chat', 'chat', 'chat', 'audio', 'screenshot'])[1 + floor(power(random(), 2) * 5)::integer] as modality,
      now() - random() * interval '100 days' as at
    from customer cross join generate_series(1, records) m
  ), logged as (
    insert into interaction (tenant, interaction_id, session_id, customer_key, channel, modality, author, body_hash,
      captured_at, accepted_at, key_generation, sealed_payload, media_type, code_version)
    select 'default', id, session_id, customer_key, 'chat', modality, 'customer', 'bench', at, at, 1, '\\x00', 'text/plain',
      'bench'
    from record
  ), stamped as (
    insert into freshness (tenant, interaction_id, session_id, customer_key, modality, state, captured_at, accepted_at,
      reachable_at)
    select 'default', id, session_id, customer_key, modality, 'reachable', at, at, at from record
  )
  insert into artifact (tenant, artifact_id, interaction_id, customer_key, kind, state, content, confidence, model,
    model_version, redactor_version, code_version)
  select 'default', id, id, customer_key, 'message', 'active', '[]', 1, 'typed', '1', 'bench', 'bench' from record`;

/**
 * A chunk says, beside the words of its topic and one of its own, a dozen out of sixty that everybody says, the first
 * ones most: the commonest is in nearly every chunk.
 */
const LOAD_CHUNKS = `
  insert into chunk (tenant, chunk_id, artifact_id, interaction_id, session_id, customer_key, modality, ordinal, text, place,
    confidence, event_time, chunker_version)
  select 'default', md5(interaction_id || ' ' || n)::uuid, interaction_id, interaction_id, session_id, customer_key,
    modality, n,
    (select string_agg('said' || floor(power(random(), 2) * 60 + 0 * (n + w))::integer, ' ') from generate_series(1, 12) w)
      || ' ' ||
    (select string_agg('topic' || topic || 'word' || floor(random() * 40 + 0 * (n + w))::integer, ' ') from generate_series(1, 8) w)
      || ' order' || floor(random() * 30000)::integer,
    jsonb_build_object('kind', 'message', 'topic', topic), 0.5 + random() / 2, captured_at + n * interval '1 second', 'bench'
  from (
    select i.*, n, floor(power(random(), 2) * 500)::integer as topic
    from interaction i
    cross join generate_series(1, $1::integer) n
    where i.code_version = 'bench'
    order by i.captured_at
    offset 0
  ) as said`;

const LOAD_VECTORS = `
  insert into embedding (index_version, tenant, chunk_id, customer_key, embedding, model_version, embedded_at, committed_at,
    reachable_at)
  select 1, 'default', chunk_id, customer_key, topic.vector + subtopic.vector + own.vector + other.vector, 'bench', event_time,
    event_time, event_time
  from (
    select chunk_id, customer_key, event_time, (place ->> 'topic')::integer as t, floor(random() * 10)::integer as s,
      floor(random() * 2000)::integer as a, floor(random() * 2000)::integer as b
    from chunk where chunker_version = 'bench'
    order by event_time
  ) as c
  join part topic on topic.kind = 'topic' and topic.place = c.t
  join part subtopic on subtopic.kind = 'subtopic' and subtopic.place = c.t * 10 + c.s
  join part own on own.kind = 'own' and own.place = c.a
  join part other on other.kind = 'other' and other.place = c.b`;

/** Loads the data set into an empty Earshot, all of it fresh. The connection's seed makes it the same each time. */
export async function loadData(owner: pg.ClientBase, { chunks, customers }: DataSize): Promise<void> {
  await owner.query(MAKE_PARTS);
  await owner.query(LOAD_RECORDS, [chunks, customers.length, CHUNKS_PER_RECORD, SKEW, customers]);
  await owner.query('analyze interaction, artifact, part');
  await owner.query(LOAD_CHUNKS, [CHUNKS_PER_RECORD]);
  await owner.query('analyze chunk');
  await owner.query(LOAD_VECTORS);
}
