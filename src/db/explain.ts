import type { InteractionState, Modality } from '../domain/interaction.ts';
import { vectorLiteral } from './embeddings.ts';
import type { IndexVersionRow } from './index-versions.ts';
import { nearestVectors, overSegments } from './nearest.ts';
import { only, run, type Queryable } from './pools.ts';
import { servedAt, servedBy } from './served.ts';
import { askedWords, customerSize, OF_ONE_CUSTOMER, type WordCounts } from './words.ts';

/** What is asked about: records of a customer, as of a moment (null: now) in an index version. */
export interface Explained {
  readonly tenant: string;
  readonly customerKey: string;
  readonly version: IndexVersionRow;
  readonly moment: Date | null;
}

/** All that decides why a record was not known (src/domain/explanation.ts). */
export interface RecordFactsRow {
  readonly interaction_id: string;
  readonly modality: Modality;
  readonly state: InteractionState;
  readonly captured_at: Date;
  readonly accepted_at: Date;
  readonly picked_up_at: Date | null;
  readonly text_reachable_at: Date | null;
  readonly transformed_at: Date | null;
  readonly reachable_at: Date | null;
  readonly pieces_done: number;
  readonly pieces_total: number;
  /** Set when the record lies behind the fence. */
  readonly erased_before: Date | null;
  readonly quarantined: readonly { artifactId: string; check: string; confidence: number }[];
  readonly failed: readonly { kind: string; code: string; detail: string | null }[];
  readonly redactions: Readonly<Record<string, number>>;
  readonly cut: number;
  readonly served: number;
  readonly present: number;
  readonly reachable: number;
  readonly withdrawn_at: Date | null;
}

/** Chunks of a version that are in service: now when `moment` is null, else then. */
const servedThen = (version: string, moment: string): string =>
  `case when ${moment}::timestamptz is null then ${servedBy(version)} else ${servedAt(version, moment)} end`;

/**
 * The facts of some records, or of the customer's newest captured by the moment. A chunk counts as reachable when it
 * would pass the probe that ends every indexing step.
 */
export async function recordFacts(
  reader: Queryable,
  { tenant, customerKey, version, moment }: Explained,
  interactionIds: readonly string[] | null,
  limit: number,
): Promise<RecordFactsRow[]> {
  const values = [tenant, customerKey, moment, version.index_version, interactionIds, limit];
  return run<RecordFactsRow>(reader, RECORD_FACTS, values);
}

const RECORD_FACTS = {
  name: 'record_facts',
  text: `
    with wanted as materialized (
      select i.interaction_id, i.captured_at,
        case when i.captured_at <= s.erased_before or i.key_generation <> s.key_generation
          then coalesce(s.erased_before, i.captured_at) end as erased_before
      from interaction i
      join subject s on s.tenant = $1 and s.customer_key = $2
      where i.tenant = $1 and i.customer_key = $2
        and case when $5::uuid[] is null then $3::timestamptz is null or i.captured_at <= $3
          else i.interaction_id = any($5) end
      order by i.captured_at desc
      limit $6
    )
    select
      f.interaction_id, f.modality, f.state, f.captured_at, f.accepted_at, f.picked_up_at, f.text_reachable_at,
      f.transformed_at, f.reachable_at, f.pieces_total, wanted.erased_before, made.*, cut.*
    from wanted
    join freshness f on f.tenant = $1 and f.interaction_id = wanted.interaction_id
    cross join lateral (
      select
        (count(*) filter (where $3 is null or a.created_at <= $3))::integer as pieces_done,
        coalesce(jsonb_agg(jsonb_build_object(
          'artifactId', a.artifact_id, 'check', a.reason, 'confidence', a.confidence) order by a.piece)
          filter (where a.state = 'quarantined'), '[]') as quarantined,
        coalesce(jsonb_agg(jsonb_build_object('kind', a.kind, 'code', a.reason, 'detail', a.detail) order by a.piece)
          filter (where a.state = 'failed'), '[]') as failed,
        (select coalesce(jsonb_object_agg(type, total), '{}') from (
          select type, sum(removed::integer) as total
          from artifact r
          cross join jsonb_each_text(r.redactions) as found (type, removed)
          where r.tenant = $1 and r.interaction_id = wanted.interaction_id
          group by type
        ) as removed) as redactions
      from artifact a
      where a.tenant = $1 and a.interaction_id = wanted.interaction_id
    ) as made
    cross join lateral (
      select
        count(*)::integer as cut,
        (count(*) filter (where served))::integer as served,
        (count(*) filter (where served and present))::integer as present,
        (count(*) filter (where served and reachable))::integer as reachable,
        max(withdrawn_at) filter (where not served and withdrawn_at <= coalesce($3, 'infinity')) as withdrawn_at
      from (
        select
          ${servedThen('$4', '$3')} as served,
          e.chunk_id is not null as present,
          e.reachable_at <= coalesce($3, 'infinity') and abs(e.embedding <=> e.embedding) < 0.001
            and ($3 is not null or a.state = 'active' or a.shown_in = $4) as reachable,
          c.withdrawn_at
        from chunk c
        join artifact a on a.tenant = $1 and a.artifact_id = c.artifact_id
        left join embedding e on e.index_version = $4::integer and e.tenant = $1 and e.chunk_id = c.chunk_id
        where c.tenant = $1 and c.interaction_id = wanted.interaction_id
      ) as each
    ) as cut
    order by wanted.captured_at desc`,
};

/** What is left of a record that is not in the log of this customer. */
export interface MissingRow {
  readonly erasure_id: string | null;
  readonly erased_at: Date | null;
  readonly of_another: boolean;
}

export async function findMissing(reader: Queryable, tenant: string, interactionId: string): Promise<MissingRow> {
  const statement = {
    name: 'find_missing',
    text: `
      select t.erasure_id, t.erased_at,
        exists (select from interaction where tenant = $1 and interaction_id = $2::uuid) as of_another
      from (select) as one
      left join tombstone t on t.tenant = $1 and t.interaction_id = $2`,
  };
  return only(await run<MissingRow>(reader, statement, [tenant, interactionId]));
}

/** A question as it is ranked, with its filters. */
export interface RankQuery {
  readonly words: string | null;
  readonly vector: readonly number[] | null;
  readonly modalities: readonly Modality[] | null;
  readonly from: Date | null;
  readonly to: Date | null;
  readonly minConfidence: number;
  readonly candidates: number;
  /** What is known of how common words are. */
  readonly common: WordCounts;
  /** The most rows whose words are ranked. */
  readonly textRows: number;
}

/** A chunk with its place in both rankings, also far beyond what an answer would take. */
export interface ChunkRankRow {
  readonly chunk_id: string;
  readonly interaction_id: string;
  readonly event_time: Date;
  /** Filters that it does not pass. */
  readonly failed_filters: string[];
  readonly text_rank: number | null;
  readonly vector_rank: number | null;
  /** Whether either ranking would hand it on to fusion. */
  readonly candidate: boolean;
  /** Chunks that passed the filters. */
  readonly passing: number;
}

/**
 * Ranks all of a customer's chunks, exactly, as `retrieveCandidates` ranks the first of them, and answers the
 * candidates and the chunks of the records in question.
 */
export async function rankOfRecords(
  reader: Queryable,
  { tenant, customerKey, version, moment }: Explained,
  interactionIds: readonly string[],
  query: RankQuery,
): Promise<ChunkRankRow[]> {
  const values = [
    tenant,
    customerKey,
    query.words,
    query.vector === null ? null : vectorLiteral(query.vector),
    query.modalities,
    query.from,
    query.to,
    query.minConfidence,
    query.candidates,
    moment,
    interactionIds,
    version.index_version,
    query.common.words,
    query.common.chunks,
    query.textRows,
  ];
  return run<ChunkRankRow>(reader, RANK_OF_RECORDS, values);
}

const RANK_OF_RECORDS = {
  name: 'rank_of_records',
  text: `
    with own as materialized (
      select
        c.chunk_id, c.interaction_id, c.event_time, c.words, e.embedding,
        array_remove(array[
          case when not ($5::text[] is null or c.modality = any($5)) then 'modalities' end,
          case when c.event_time < $6::timestamptz then 'from' end,
          case when c.event_time >= $7::timestamptz then 'to' end,
          case when c.confidence < $8 then 'minConfidence' end], null) as failed_filters
      from chunk c
      left join embedding e on e.index_version = $12::integer and e.tenant = c.tenant and e.chunk_id = c.chunk_id
        and ($10::timestamptz is null or e.reachable_at <= $10)
      where c.tenant = $1 and c.customer_key = $2 and ${servedThen('$12', '$10')}
    ), ${askedWords(`${OF_ONE_CUSTOMER} * $15::integer`, { words: '$13', chunks: '$14' })}, ${customerSize('$15::integer')}, scored as (
      select
        chunk_id,
        case when words @@ query and (
            not is_large or words @@ selective
            or too_common and row_number() over (partition by words @@ query order by event_time desc) <= $15)
          then ts_rank(words, query, 1)
        end as score,
        embedding <=> $4::vector as distance
      from own, wanted, customer
      where failed_filters = '{}'
    ), placed as (
      select
        chunk_id,
        case when score is not null then rank() over (order by round(score::numeric, 3) desc nulls last) end as text_rank,
        case when distance is not null then rank() over (order by round(distance::numeric, 2) nulls last) end as vector_rank,
        coalesce(score is not null and row_number() over (order by score desc nulls last) <= $9::integer
          or distance is not null and row_number() over (order by distance nulls last) <= $9, false) as candidate,
        count(*) over ()::integer as passing
      from scored
    )
    select
      own.chunk_id, own.interaction_id, own.event_time, own.failed_filters, text_rank::integer, vector_rank::integer,
      coalesce(candidate, false) as candidate, coalesce(passing, 0) as passing
    from own
    left join placed using (chunk_id)
    where candidate or own.interaction_id = any($11::uuid[])`,
};

/** Chunks of a record that are searched for with their own vector and words. */
const TRIED = 5;

export interface ReachRow {
  readonly by_index: boolean | null;
  readonly by_words: boolean | null;
}

/**
 * Searches over all customers for a record with its own vectors, by HNSW, and its own words, by GIN. Null where it has
 * none. Equal vectors of other records may fill the places before it, so a list that ends at distance 0 counts as found.
 */
export async function tryReach(
  reader: Queryable,
  { tenant, version: row }: Explained,
  interactionId: string,
): Promise<ReachRow> {
  const { index_version: version } = row;
  const text = `
      select bool_and(near.found) as by_index, bool_and(said.found) as by_words
      from (
        select c.chunk_id, c.words, e.embedding
        from chunk c
        left join embedding e on e.index_version = ${version} and e.tenant = c.tenant and e.chunk_id = c.chunk_id
        where c.tenant = $1 and c.interaction_id = $2::uuid and ${servedBy(version)}
        order by c.ordinal
        limit ${TRIED}
      ) as own
      left join lateral (
        select bool_or(hit.chunk_id = own.chunk_id) or max(hit.distance) < 0.000001 as found
        from ${nearestVectors(row, { vector: 'own.embedding', limit: '40' })} as hit
      ) as near on own.embedding is not null
      left join lateral (
        select exists (
          select
          from tenant_chunk t
          where t.chunk_id = own.chunk_id and t.words @@ (
            select string_agg('''' || replace(replace(word, '\\', '\\\\'), '''', '''''') || '''', ' & ')::tsquery
            from unnest(tsvector_to_array(own.words)) as word)
        ) as found
      ) as said on length(own.words) > 0`;
  const statement = overSegments(`try_reach_v${version}`, row, text);
  return only(await run<ReachRow>(reader, statement, [tenant, interactionId]));
}

/** The chunks of records, also those out of service: an answer of the past may have held them. */
export async function chunksOfRecords(
  reader: Queryable,
  tenant: string,
  interactionIds: readonly string[],
): Promise<{ chunk_id: string; interaction_id: string }[]> {
  const statement = {
    name: 'chunks_of_records',
    text: 'select chunk_id, interaction_id from chunk where tenant = $1 and interaction_id = any($2::uuid[])',
  };
  return run(reader, statement, [tenant, interactionIds]);
}
