import type { ErasureProbes } from '../domain/erasure.ts';
import { run, type Queryable } from './pools.ts';

/**
 * Ids of some of what is about to go, spread over all of it. A chunk's id is a hash of what it was made of.
 * Runs are those of the customer's own workflows: one that worked for many customers, such as a replay or the lane of history,
 * names none of them and stays.
 */
export async function sampleProbes(
  db: Queryable,
  tenant: string,
  erasureId: string,
  limit: number,
): Promise<{ chunks: string[]; objects: string[]; runs: ErasureProbes['runs'] }> {
  const chunks = {
    name: 'sample_erased_chunks',
    text: `
      select c.chunk_id
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
      left join interaction i on i.tenant = $1 and i.interaction_id = t.interaction_id
      left join session s on s.tenant = $1 and s.session_id = i.session_id
      where t.tenant = $1 and t.erasure_id = $2::uuid and l.run_id is not null
        and (l.workflow_id = s.workflow_id or l.workflow_id like 'quarantine/%')
      limit $3`,
  };
  const values = [tenant, erasureId, limit];
  return {
    chunks: (await run<{ chunk_id: string }>(db, chunks, values)).map(({ chunk_id }) => chunk_id),
    objects: (await run<{ object: string }>(db, objects, values)).map(({ object }) => object),
    runs: await run(db, runs, values),
  };
}
