import type { TestDatabase } from './database.ts';

/** Puts chunks with random vectors, of 300 customers, into a database: enough for its indexes to be used. */
export async function fillWithRecords(owner: Pick<TestDatabase, 'query'>, perCustomer: number): Promise<void> {
  await owner.query(`
    insert into subject (tenant, customer_key) select 'default', md5(n::text) from generate_series(1, 300) n`);
  await owner.query(`
    insert into session (tenant, session_id, channel, customer_key, workflow_id, ring_after)
    select tenant, gen_random_uuid(), 'chat', customer_key, 'w', now() from subject
    where customer_key in (select md5(n::text) from generate_series(1, 300) n)`);
  await owner.query(`
    insert into interaction (tenant, interaction_id, session_id, customer_key, channel, modality, body_hash, captured_at,
      accepted_at, key_generation, sealed_payload, media_type, code_version)
    select tenant, gen_random_uuid(), session_id, customer_key, 'chat', 'chat', '', now(), now(), 1, '', 't', 't'
    from session cross join generate_series(1, ${perCustomer}) where workflow_id = 'w'`);
  await owner.query(`
    insert into freshness (tenant, interaction_id, session_id, customer_key, modality, state, captured_at, accepted_at)
    select tenant, interaction_id, session_id, customer_key, modality, 'reachable', now(), now()
    from interaction where code_version = 't'`);
  await owner.query(`
    insert into artifact (tenant, artifact_id, interaction_id, customer_key, kind, state, confidence, model,
      model_version, redactor_version, code_version)
    select tenant, interaction_id, interaction_id, customer_key, 'message', 'active', 1, 'm', 'm', 'r', 'c'
    from interaction where code_version = 't'`);
  await owner.query(`
    insert into chunk (tenant, chunk_id, artifact_id, interaction_id, session_id, customer_key, modality, ordinal, text,
      place, confidence, event_time, chunker_version)
    select tenant, interaction_id, interaction_id, interaction_id, session_id, customer_key, 'chat', 0,
      'word' || (random() * 1000)::integer, '{"kind":"message"}', 1, now(), 'c'
    from interaction where code_version = 't'`);
  await owner.query(`
    insert into embedding (index_version, tenant, chunk_id, customer_key, embedding, model_version, embedded_at,
      committed_at, reachable_at)
    select 1, tenant, chunk_id, customer_key,
      (select array_agg(random() - 0.5 + 0 * n) from generate_series(1, 384) n where length(chunk_id::text) > 0)::vector, 'm', now(), now(), now()
    from chunk where chunker_version = 'c'`);
  await owner.query('analyze');
}
