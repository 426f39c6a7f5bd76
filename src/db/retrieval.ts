import type { Modality, Place } from '../domain/interaction.ts';
import { vectorLiteral } from './embeddings.ts';
import { indexedVector } from './index-partitions.ts';
import type { IndexVersionRow } from './index-versions.ts';
import { admits } from './fence.ts';
import { run, type Queryable } from './pools.ts';
import { ofRealCustomers, ofReservedCustomers } from './real-customers.ts';
import { servedAt, servedBy } from './served.ts';

export interface RetrievalQuery {
  readonly tenant: string;
  /** Whether canaries are asked for, who are otherwise no candidates. */
  readonly canary?: boolean;
  readonly customerKey: string | null;
  /** Words to look for; null leaves full text out. */
  readonly words: string | null;
  /** The query's vector by the model of the index version; null leaves vectors out. */
  readonly vector: readonly number[] | null;
  readonly modalities: readonly Modality[] | null;
  readonly from: Date | null;
  readonly to: Date | null;
  readonly minConfidence: number;
  /** Rows taken from each ranking. */
  readonly candidates: number;
  /** What was reachable at this moment; absent or null: now. */
  readonly asOf?: Date | null;
}

/** A candidate with its rank in each list, and all that an answer says of it. */
export interface CandidateRow {
  readonly chunk_id: string;
  readonly text: string;
  readonly text_rank: number | null;
  readonly vector_rank: number | null;
  readonly recency_rank: number;
  readonly modality: Modality;
  readonly interaction_id: string;
  readonly customer_key: string;
  readonly sealed_payload: Buffer;
  readonly author: string | null;
  readonly event_time: Date;
  /** When the call of a segment began, as far as is known; null for others. */
  readonly session_started_at: Date | null;
  readonly place: Place;
  readonly confidence: number;
  readonly artifact_id: string;
  readonly kind: string;
  readonly model: string;
  readonly model_version: string;
  readonly redactor_version: string;
  readonly chunker_version: string;
  readonly degraded: string[];
  readonly captured_at: Date;
  readonly accepted_at: Date;
  readonly picked_up_at: Date | null;
  readonly text_reachable_at: Date | null;
  readonly embedded_at: Date | null;
  readonly reachable_at: Date | null;
}

/** What of a version is searched: what is reachable now, or what was at the moment `$10`. */
interface Moment {
  /** Ends the name of a statement. */
  readonly name: string;
  /** The condition on a chunk `c`. */
  served(version: number): string;
  /** A further condition on the vector `e` of a chunk. */
  readonly vector: string;
}

const NOW: Moment = { name: '', served: servedBy, vector: '' };
const THEN: Moment = {
  name: '_as_of',
  served: (version) => servedAt(version, '$10::timestamptz'),
  vector: 'and e.reachable_at <= $10::timestamptz',
};

/** Distinguishes the statements of versions, of now and then, with vectors and without. */
const variantOf = ({ index_version: version, state }: IndexVersionRow, moment: Moment): string =>
  `v${version}${moment.name}${state === 'dropped' ? '_dropped' : ''}`;

/** Where a version's vectors are: the partition by its name, for the planner need not look for it; nowhere once dropped. */
const partitionOf = ({ index_version: version, state }: IndexVersionRow): string =>
  state === 'dropped' ? '(select * from embedding limit 0)' : `embedding_v${version}`;

/** Filters that both rankings share. */
const filters = (version: number, moment: Moment): string => `
  c.tenant = $1 and ${moment.served(version)}
  and ($5::text[] is null or c.modality = any($5))
  and ($6::timestamptz is null or c.event_time >= $6)
  and ($7::timestamptz is null or c.event_time < $7)
  and c.confidence >= $8`;

/**
 * From the moment of the fence nobody finds what is being erased, however long its rows take to go.
 *
 * Ranks are shared by near-ties, which the recency rank then orders: vectors within 0.01 of cosine distance, texts of
 * the same score to three digits.
 */
const fusedRows = (row: IndexVersionRow, moment: Moment): string => `
  , text_ranked as (
    select chunk_id, rank() over (order by round(score::numeric, 3) desc)::integer as text_rank from text_hits
  ), vector_ranked as (
    select chunk_id, rank() over (order by round(distance::numeric, 2))::integer as vector_rank from vector_hits
  ), candidate as (
    select chunk_id, text_rank, vector_rank
    from text_ranked
    full join vector_ranked using (chunk_id)
  )
  select
    c.chunk_id, c.text, candidate.text_rank, candidate.vector_rank,
    (rank() over (order by c.event_time desc))::integer as recency_rank,
    c.modality, c.interaction_id, c.customer_key, i.sealed_payload, c.author, c.event_time, c.place, c.confidence,
    c.artifact_id, a.kind, a.model, a.model_version, a.redactor_version, c.chunker_version, f.degraded,
    f.captured_at, f.accepted_at, f.picked_up_at, f.text_reachable_at, e.embedded_at, e.reachable_at,
    case when i.segment_index is not null then (
      select min(o.started_at) from interaction o where o.tenant = $1 and o.session_id = i.session_id
    ) end as session_started_at
  from candidate
  join chunk c on c.tenant = $1 and c.chunk_id = candidate.chunk_id
  join artifact a on a.tenant = $1 and a.artifact_id = c.artifact_id
  join interaction i on i.tenant = $1 and i.interaction_id = c.interaction_id
  join freshness f on f.tenant = $1 and f.interaction_id = c.interaction_id
  join subject s on s.tenant = $1 and s.customer_key = c.customer_key
  left join ${partitionOf(row)} e
    on e.index_version = ${row.index_version} and e.tenant = $1 and e.chunk_id = c.chunk_id ${moment.vector}
  where ${admits('i', 's')}`;

/**
 * Any word may match, so that a question finds what shares only some of its words: the parser's "and" is turned into
 * "or". A query of stop words alone becomes null and matches nothing.
 */
export const ANY_WORD = `(select nullif(replace(plainto_tsquery('english', $3)::text, '&', '|'), '')::tsquery)`;

/**
 * Within a customer: exact. The customer's rows are read once, by B-tree, and materialized so that no approximate index
 * is used; both rankings are made over them.
 */
const withinCustomer = (row: IndexVersionRow, moment: Moment) => ({
  name: `retrieve_customer_${variantOf(row, moment)}`,
  text: `
    with own as materialized (
      select c.chunk_id, c.words, e.embedding
      from chunk c
      left join ${partitionOf(row)} e
        on e.index_version = ${row.index_version} and e.tenant = c.tenant and e.chunk_id = c.chunk_id ${moment.vector}
      where c.customer_key = $2 and ${filters(row.index_version, moment)}
    ), text_hits as (
      select chunk_id, ts_rank(words, query, 1) as score
      from own, ${ANY_WORD} as wanted (query)
      where words @@ query
      order by score desc
      limit $9
    ), vector_hits as (
      select chunk_id, embedding <=> $4::vector as distance
      from own
      where embedding is not null and $4 is not null
      order by distance
      limit $9
    )${fusedRows(row, moment)}`,
});

/**
 * Over all customers: full text by GIN, vectors by HNSW with iterative scan, which goes on until enough rows pass the
 * filters. The cast must be that of the version's index, or the index is not used; and words are searched in the view
 * `tenant_chunk`, because row-level security keeps GIN from being used on the table. A version that was dropped has no
 * partition any more, and no vectors.
 *
 * A canary asks by its own text: by vector it competes with all, being nearest to itself; by words with canaries alone,
 * for many may have said the same.
 */
const overAll = (row: IndexVersionRow, moment: Moment, canary: boolean) => {
  const distance = `${indexedVector(row, 'e.embedding')} <=> ${indexedVector(row, '$4')}`;
  return {
    name: `retrieve_all_${variantOf(row, moment)}${canary ? '_canary' : ''}`,
    text: overAllText(row, moment, canary, distance),
  };
};

const overAllText = (row: IndexVersionRow, moment: Moment, canary: boolean, distance: string): string => `
    with text_hits as (
      select c.chunk_id, ts_rank(c.words, query, 1) as score
      from tenant_chunk c, ${ANY_WORD} as wanted (query)
      where c.words @@ query and $2::text is null and ${filters(row.index_version, moment)}
        and ${canary ? ofReservedCustomers('c.customer_key') : ofRealCustomers('c.customer_key')}
      order by score desc
      limit $9
    ), vector_hits as (
      select e.chunk_id, ${distance} as distance
      from ${partitionOf(row)} e
      join chunk c on c.tenant = e.tenant and c.chunk_id = e.chunk_id
      where $4 is not null and e.tenant = $1 and ${filters(row.index_version, moment)} ${moment.vector}
        and ${canary ? 'true' : ofRealCustomers('c.customer_key')}
      order by ${distance}
      limit $9
    )${fusedRows(row, moment)}`;

/** Candidates of both rankings in one round trip; src/domain/rank-fusion.ts orders them. */
export async function retrieveCandidates(
  reader: Queryable,
  version: IndexVersionRow,
  query: RetrievalQuery,
): Promise<CandidateRow[]> {
  const moment = (query.asOf ?? null) === null ? NOW : THEN;
  const statement =
    query.customerKey === null ? overAll(version, moment, query.canary ?? false) : withinCustomer(version, moment);
  return run<CandidateRow>(reader, statement, [
    query.tenant,
    query.customerKey,
    query.words,
    query.vector === null ? null : vectorLiteral(query.vector),
    query.modalities,
    query.from,
    query.to,
    query.minConfidence,
    query.candidates,
    ...(moment === NOW ? [] : [query.asOf]),
  ]);
}

/** What a customer sent that is not reachable yet. */
export interface PendingRow {
  readonly interaction_id: string;
  readonly modality: Modality;
  readonly captured_at: Date;
  readonly state: 'accepted' | 'processing';
  readonly text_reachable_at: Date | null;
  readonly pieces_done: number;
  readonly pieces_total: number;
  /** Since it was accepted; absent in an answer about the past, of which nothing is foretold. */
  readonly age_ms?: number;
}

export async function listPending(reader: Queryable, tenant: string, customerKey: string): Promise<PendingRow[]> {
  const statement = {
    name: 'list_pending',
    text: `
      select
        f.interaction_id, f.modality, f.captured_at, f.state, f.text_reachable_at, f.pieces_total,
        (select count(*)::integer from artifact a where a.tenant = f.tenant and a.interaction_id = f.interaction_id)
          as pieces_done,
        extract(epoch from now() - f.accepted_at)::double precision * 1000 as age_ms
      from freshness f
      join subject s on s.tenant = $1 and s.customer_key = f.customer_key
      where f.tenant = $1 and f.customer_key = $2 and f.state in ('accepted', 'processing')
        and f.captured_at > coalesce(s.erased_before, '-infinity')
      order by f.captured_at
      limit 100`,
  };
  return run<PendingRow>(reader, statement, [tenant, customerKey]);
}

/** When the newest searchable event of a customer happened; null when nothing of the customer is searchable. */
export async function newestEventTime(
  reader: Queryable,
  tenant: string,
  customerKey: string | null,
): Promise<Date | null> {
  const statement =
    customerKey === null
      ? {
          name: 'newest_event_of_all',
          text: `
            select max(event_time) as newest
            from chunk
            where tenant = $1 and $2::text is null and active and ${ofRealCustomers('customer_key')}`,
        }
      : {
          name: 'newest_event_of_customer',
          text: `
            select max(c.event_time) as newest
            from chunk c
            join subject s on s.tenant = $1 and s.customer_key = $2
            where c.tenant = $1 and c.customer_key = $2 and c.active
              and c.event_time > coalesce(s.erased_before, '-infinity')`,
        };
  const rows = await run<{ newest: Date | null }>(reader, statement, [tenant, customerKey]);
  return rows[0]?.newest ?? null;
}
