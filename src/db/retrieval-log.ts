import { only, run, type Queryable } from './pools.ts';

export interface RetrievalRecord {
  readonly tenant: string;
  readonly retrievalId: string;
  readonly customerKey: string | null;
  /** Name of the API key that asked. */
  readonly askedBy: string;
  readonly sealedQuery: Uint8Array | null;
  /** Of the data key that sealed the query; null without one. */
  readonly keyGeneration: number | null;
  readonly mode: string;
  readonly filters: Readonly<Record<string, unknown>>;
  readonly indexVersion: number;
  readonly degraded: readonly string[];
  readonly tookMs: number;
  readonly hits: readonly {
    readonly chunkId: string;
    readonly score: number;
    readonly textRank: number | null;
    readonly vectorRank: number | null;
    readonly reachableAt: Date | null;
  }[];
}

/**
 * Keeps what a query got back, for the question "what did the copilot know?". Of a customer who was erased between the
 * question and this record, nothing is kept: the fence compares the key that sealed the query. A hit that was erased
 * meanwhile is left out; one that goes at this very moment makes the statement fail by its foreign key, to be sent again.
 *
 * @returns false when the key was replaced and nothing was kept.
 */
export async function recordRetrieval(db: Queryable, record: RetrievalRecord): Promise<boolean> {
  const statement = {
    name: 'record_retrieval',
    text: `
      with fence as materialized (
        select key_generation from subject where tenant = $1 and customer_key = $3 for share
      ), asked as (
        insert into retrieval (
          tenant, retrieval_id, customer_key, sealed_query, mode, filters, index_version, degraded, took_ms, asked_by)
        select $1, $2::uuid, $3, $4, $5, $6::jsonb, $7::integer, $8::text[], $9::real, $16
        where $15::integer is null or $15 = (select key_generation from fence)
        on conflict do nothing
        returning retrieval_id
      ), listed as (
        insert into retrieval_hit (tenant, retrieval_id, position, chunk_id, score, text_rank, vector_rank, reachable_at)
        select $1, retrieval_id, hit.position, hit.chunk_id, hit.score, hit.text_rank, hit.vector_rank, hit.reachable_at
        from asked
        cross join unnest($10::uuid[], $11::real[], $12::integer[], $13::integer[], $14::timestamptz[])
          with ordinality as hit (chunk_id, score, text_rank, vector_rank, reachable_at, position)
        join chunk c on c.tenant = $1 and c.chunk_id = hit.chunk_id
        on conflict do nothing
      )
      select exists (select from asked) as kept`,
  };
  const { hits } = record;
  const values = [
    record.tenant,
    record.retrievalId,
    record.customerKey,
    record.sealedQuery,
    record.mode,
    JSON.stringify(record.filters),
    record.indexVersion,
    record.degraded,
    record.tookMs,
    hits.map(({ chunkId }) => chunkId),
    hits.map(({ score }) => score),
    hits.map(({ textRank }) => textRank),
    hits.map(({ vectorRank }) => vectorRank),
    hits.map(({ reachableAt }) => reachableAt),
    record.keyGeneration,
    record.askedBy,
  ];
  return only(await run<{ kept: boolean }>(db, statement, values)).kept;
}

/** What a retrieval `r` got back, best first, as JSON. */
export const HITS_OF_RETRIEVAL = `
  coalesce((
    select jsonb_agg(jsonb_build_object(
      'position', h.position, 'chunkId', h.chunk_id, 'score', h.score, 'textRank', h.text_rank,
      'vectorRank', h.vector_rank, 'reachableAt', h.reachable_at) order by h.position)
    from retrieval_hit h
    where h.tenant = r.tenant and h.retrieval_id = r.retrieval_id
  ), '[]')`;

export interface RetrievalRow {
  readonly retrieval_id: string;
  readonly customer_key: string | null;
  readonly sealed_query: Buffer | null;
  readonly mode: string;
  readonly filters: Readonly<Record<string, unknown>>;
  readonly index_version: number;
  readonly degraded: string[];
  readonly took_ms: number;
  readonly asked_at: Date;
  readonly hits: readonly {
    readonly position: number;
    readonly chunkId: string;
    readonly score: number;
    readonly textRank: number | null;
    readonly vectorRank: number | null;
    readonly reachableAt: string | null;
  }[];
}

export async function findRetrieval(
  reader: Queryable,
  tenant: string,
  retrievalId: string,
): Promise<RetrievalRow | undefined> {
  const statement = {
    name: 'find_retrieval',
    text: `
      select
        r.retrieval_id, r.customer_key, r.sealed_query, r.mode, r.filters, r.index_version, r.degraded, r.took_ms,
        r.asked_at, ${HITS_OF_RETRIEVAL} as hits
      from retrieval r
      where r.tenant = $1 and r.retrieval_id = $2::uuid`,
  };
  return (await run<RetrievalRow>(reader, statement, [tenant, retrievalId]))[0];
}
