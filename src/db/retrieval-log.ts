import { run, type Queryable } from './pools.ts';

export interface RetrievalRecord {
  readonly tenant: string;
  readonly retrievalId: string;
  readonly customerKey: string | null;
  readonly sealedQuery: Uint8Array | null;
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

/** Keeps what a query got back, for the question "what did the copilot know?". */
export async function recordRetrieval(db: Queryable, record: RetrievalRecord): Promise<void> {
  const statement = {
    name: 'record_retrieval',
    text: `
      with asked as (
        insert into retrieval (
          tenant, retrieval_id, customer_key, sealed_query, mode, filters, index_version, degraded, took_ms)
        values ($1, $2::uuid, $3, $4, $5, $6::jsonb, $7, $8::text[], $9)
        on conflict do nothing
      )
      insert into retrieval_hit (tenant, retrieval_id, position, chunk_id, score, text_rank, vector_rank, reachable_at)
      select $1, $2::uuid, hit.position, hit.chunk_id, hit.score, hit.text_rank, hit.vector_rank, hit.reachable_at
      from unnest($10::uuid[], $11::real[], $12::integer[], $13::integer[], $14::timestamptz[])
        with ordinality as hit (chunk_id, score, text_rank, vector_rank, reachable_at, position)
      on conflict do nothing`,
  };
  const { hits } = record;
  await run(db, statement, [
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
  ]);
}

export interface RetrievalRow {
  readonly retrieval_id: string;
  readonly customer_key: string | null;
  readonly sealed_query: Buffer | null;
  readonly mode: string;
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
        r.retrieval_id, r.customer_key, r.sealed_query, r.mode, r.index_version, r.degraded, r.took_ms, r.asked_at,
        coalesce((
          select jsonb_agg(jsonb_build_object(
            'position', h.position, 'chunkId', h.chunk_id, 'score', h.score, 'textRank', h.text_rank,
            'vectorRank', h.vector_rank, 'reachableAt', h.reachable_at) order by h.position)
          from retrieval_hit h
          where h.tenant = r.tenant and h.retrieval_id = r.retrieval_id
        ), '[]') as hits
      from retrieval r
      where r.tenant = $1 and r.retrieval_id = $2::uuid`,
  };
  return (await run<RetrievalRow>(reader, statement, [tenant, retrievalId]))[0];
}
