/**
 * Writes passages with their vectors and the lineage edges that lead to them, in one statement and so in one
 * transaction. Parameters: tenant, index version, model, then one array per column.
 */
export const UPSERT = {
  name: 'upsert_passages',
  text: `
    with given as materialized (
      select *
      from unnest($4::uuid[], $5::uuid[], $6::uuid[], $7::uuid[], $8::text[], $9::integer[], $10::text[], $11::text[],
        $12::jsonb[], $13::timestamptz[], $14::text[], $15::text[], $16::uuid[]) as g (
        chunk_id, artifact_id, interaction_id, session_id, customer_key, ordinal, author, text,
        place, event_time, chunker_version, vector, embedding_id)
    ), cut as (
      insert into chunk (
        tenant, chunk_id, artifact_id, interaction_id, session_id, customer_key, modality, ordinal, author, text, place,
        confidence, event_time, chunker_version)
      select $1, chunk_id, artifact_id, interaction_id, session_id, customer_key, 'chat', ordinal, author, text, place,
        1, event_time, chunker_version
      from given
      on conflict (tenant, chunk_id) do nothing
    ), written as (
      insert into embedding (
        index_version, tenant, chunk_id, customer_key, embedding, model_version, embedded_at, committed_at, reachable_at)
      select $2::integer, $1, chunk_id, customer_key, vector::vector, $3, statement_timestamp(), clock_timestamp(),
        clock_timestamp()
      from given
      on conflict (index_version, tenant, chunk_id) do nothing
    )
    insert into lineage_edge (
      tenant, from_id, to_id, from_kind, to_kind, interaction_id, customer_key, activity, model, model_version,
      parameters, code_version)
    select $1, chunk_id, embedding_id, 'chunk', 'embedding', interaction_id, customer_key, 'embed', $3, $3,
      jsonb_build_object('indexVersion', $2::integer), 'bench'
    from given
    on conflict do nothing`,
};
