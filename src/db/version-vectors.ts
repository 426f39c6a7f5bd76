import { vectorLiteral } from './embeddings.ts';
import { admits, fenceOfCustomers } from './fence.ts';
import { tracedModalities, type LineageDepths } from '../domain/lineage-depth.ts';
import { VECTORS_BEHIND_FENCE } from './vectors-behind-fence.ts';
import { readAll, type OwnerConnection } from './owner.ts';
import { only, run, type Queryable } from './pools.ts';
import { servedBy } from './served.ts';

/** A chunk as a run that fills an index version comes by it. */
export interface ChunkOfVersion {
  readonly chunk_id: string;
  readonly interaction_id: string;
  /**
   * `missing`: to be embedded. `unproven`: has a vector that no probe has seen yet. `failed`: the model refused it.
   * `unserved`: the version does not serve it.
   */
  readonly standing: 'missing' | 'unproven' | 'present' | 'failed' | 'unserved';
  /** Of those that are missing. */
  readonly text: string | null;
}

/** Before the first chunk. */
export const FIRST_CHUNK = '00000000-0000-0000-0000-000000000000';

/** The next page of a tenant's chunks in the order of their primary key, each with its standing in a version. */
export async function chunksOfVersion(
  db: Queryable,
  tenant: string,
  indexVersion: number,
  after: string,
  limit: number,
): Promise<ChunkOfVersion[]> {
  const statement = {
    name: `chunks_of_v${indexVersion}`,
    text: `
      with page as materialized (
        select chunk_id, interaction_id, text, (${servedBy(indexVersion)}) as served
        from chunk c
        where tenant = $1 and chunk_id > $2::uuid
        order by chunk_id
        limit $3
      ), told as (
        select page.*, case
          when not served then 'unserved'
          when e.reachable_at is not null then 'present'
          when e.chunk_id is not null then 'unproven'
          when f.chunk_id is not null then 'failed'
          else 'missing' end as standing
        from page
        left join embedding_v${indexVersion} e on e.index_version = ${indexVersion} and e.tenant = $1 and e.chunk_id = page.chunk_id
        left join embedding_failure f on f.tenant = $1 and f.index_version = ${indexVersion} and f.chunk_id = page.chunk_id
      )
      select chunk_id, interaction_id, standing, case when standing = 'missing' then text end as text
      from told
      order by chunk_id`,
  };
  return run<ChunkOfVersion>(db, statement, [tenant, after, limit]);
}

/** How many chunks a version is to hold. By the owner, because it reads all of a tenant's. */
export async function countServed(owner: OwnerConnection, tenant: string, indexVersion: number): Promise<number> {
  const text = `select count(*)::integer as count from chunk c where c.tenant = $1 and ${servedBy('$2::integer')}`;
  return only(await readAll<{ count: number }>(owner, text, [tenant, indexVersion])).count;
}

/** Vectors of one model for a version beside the live one. */
export interface VersionVectors {
  readonly tenant: string;
  readonly indexVersion: number;
  readonly model: string;
  readonly codeVersion: string;
  readonly lineageDepths?: LineageDepths;
  readonly workflowId: string | null;
  readonly runId: string | null;
  readonly rows: readonly {
    readonly chunkId: string;
    readonly embeddingId: string;
    readonly vector: readonly number[];
  }[];
}

/**
 * Writes vectors and their lineage in one transaction, behind the same fence as those of the live version, and leaves
 * the records' stamps as they are: when a record became reachable does not change because a version is built. Writing
 * the same again changes nothing. Answers the chunks that are now present; the others were erased meanwhile.
 */
export async function storeVersionVectors(db: Queryable, vectors: VersionVectors): Promise<string[]> {
  const rows = await run<{ chunk_id: string }>(db, STORE, [
    vectors.tenant,
    vectors.rows.map(({ chunkId }) => chunkId),
    vectors.rows.map(({ embeddingId }) => embeddingId),
    vectors.rows.map(({ vector }) => vectorLiteral(vector)),
    vectors.indexVersion,
    vectors.model,
    vectors.model,
    vectors.codeVersion,
    vectors.rows.map(() => vectors.workflowId),
    vectors.rows.map(() => vectors.runId),
    tracedModalities(vectors.lineageDepths),
  ]);
  return rows.map(({ chunk_id }) => chunk_id);
}

const STORE = {
  name: 'store_version_vectors',
  text: `
    ${VECTORS_BEHIND_FENCE}
    select chunk_id from admitted`,
};

/** A text that the model refused, on its own. */
export interface EmbeddingFailure {
  readonly chunkId: string;
  readonly code: string;
}

/** Lists texts that a version goes without. Those of customers who were erased meanwhile are left out. */
export async function noteFailures(
  db: Queryable,
  tenant: string,
  indexVersion: number,
  failures: readonly EmbeddingFailure[],
): Promise<void> {
  const statement = {
    name: 'note_embedding_failures',
    text: `
      with given as materialized (
        select g.chunk_id, g.code, c.customer_key, c.interaction_id
        from unnest($3::uuid[], $4::text[]) as g (chunk_id, code)
        join chunk c on c.tenant = $1 and c.chunk_id = g.chunk_id
      ), ${fenceOfCustomers('select customer_key from given')}
      insert into embedding_failure (tenant, index_version, chunk_id, interaction_id, customer_key, code)
      select $1, $2::integer, given.chunk_id, given.interaction_id, given.customer_key, given.code
      from given
      join fence using (customer_key)
      join interaction i on i.tenant = $1 and i.interaction_id = given.interaction_id
      where ${admits('i')}
      on conflict (tenant, index_version, chunk_id) do update set code = excluded.code, failed_at = now()`,
  };
  const values = [tenant, indexVersion, failures.map(({ chunkId }) => chunkId), failures.map(({ code }) => code)];
  await run(db, statement, values);
}

export interface EmbeddingFailureRow {
  readonly chunk_id: string;
  readonly interaction_id: string;
  readonly code: string;
  readonly failed_at: Date;
}

export async function listFailures(
  db: Queryable,
  tenant: string,
  indexVersion: number,
  limit: number,
): Promise<EmbeddingFailureRow[]> {
  const statement = {
    name: 'list_embedding_failures',
    text: `
      select chunk_id, interaction_id, code, failed_at
      from embedding_failure
      where tenant = $1 and index_version = $2
      order by chunk_id
      limit $3`,
  };
  return run<EmbeddingFailureRow>(db, statement, [tenant, indexVersion, limit]);
}

/** Forgets what the model refused, so that it is asked again; or because the version is no more. */
export async function clearFailures(db: Queryable, tenant: string, indexVersion: number): Promise<void> {
  const statement = {
    name: 'clear_embedding_failures',
    text: 'delete from embedding_failure where tenant = $1 and index_version = $2',
  };
  await run(db, statement, [tenant, indexVersion]);
}
