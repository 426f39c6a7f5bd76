import { admits, fenceOfCustomers } from './fence.ts';

/**
 * The beginning of a statement that writes vectors with their lineage: `given`, `fence`, `admitted` (what the fence lets
 * through), `written`, `traced`. Parameters: tenant, chunk ids, embedding ids, vectors as text, index version, model,
 * model version, code version, for each chunk the workflow id and run id, and the modalities of which edges are written.
 */
export const VECTORS_BEHIND_FENCE = `
      with given as materialized (
        select g.chunk_id, g.embedding_id, g.vector, g.workflow_id, g.run_id, c.customer_key, c.interaction_id, c.modality
        from unnest($2::uuid[], $3::uuid[], $4::text[], $9::text[], $10::text[])
          as g (chunk_id, embedding_id, vector, workflow_id, run_id)
        join chunk c on c.tenant = $1 and c.chunk_id = g.chunk_id
      ), ${fenceOfCustomers('select customer_key from given')}, admitted as materialized (
        select given.*
        from given
        join fence using (customer_key)
        join interaction i on i.tenant = $1 and i.interaction_id = given.interaction_id
        where ${admits('i')}
      ), written as (
        insert into embedding (
          index_version, tenant, chunk_id, customer_key, embedding, model_version, embedded_at, committed_at)
        select $5::integer, $1, chunk_id, customer_key, vector::vector, $7, statement_timestamp(), clock_timestamp()
        from admitted
        on conflict (index_version, tenant, chunk_id) do nothing
      ), traced as (
        insert into lineage_edge (
          tenant, from_id, to_id, from_kind, to_kind, interaction_id, customer_key, activity, model, model_version,
          parameters, code_version, workflow_id, run_id)
        select $1, chunk_id, embedding_id, 'chunk', 'embedding', interaction_id, customer_key, 'embed', $6, $7,
          jsonb_build_object('indexVersion', $5::integer), $8, workflow_id, run_id
        from admitted
        where modality = any($11::text[])
        on conflict do nothing
      )`;
