import type { Modality, Place } from '../domain/interaction.ts';
import type { FusionOptions } from '../domain/rank-fusion.ts';
import { vectorLiteral } from './embeddings.ts';
import { admits } from './fence.ts';
import { indexedVector } from './index-segments.ts';
import type { IndexVersionRow } from './index-versions.ts';
import { nearestVectors, overSegments, type SearchWidth } from './nearest.ts';
import { only, run, type Queryable } from './pools.ts';
import { ofRealCustomers, ofReservedCustomers } from './real-customers.ts';
import { servedAt, servedBy } from './served.ts';
import { surroundingsOf, surroundingsText, type Surroundings, type SurroundingsRow } from './surroundings.ts';
import { askedWords, customerSize, OF_ONE_CUSTOMER, type WordCounts } from './words.ts';

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
  /** What is known of how common words are. Absent: nothing. */
  readonly common?: WordCounts;
  /** The most rows, of all customers or of one, whose words are ranked. */
  readonly textRows?: number;
  /** Of a question over all customers: the most rows, of the tenant or of a time, that are measured without an index. */
  readonly exactRows?: number;
  /** Which candidates are wanted; absent: all of them. */
  readonly best?: Best;
  /** Of a question over all customers: how far HNSW indexes are searched, `scanRows` only of one with filters. */
  readonly width?: SearchWidth;
}

/** The first `k` by fused rank: all that is shown of a candidate takes longer to look up than its rank. */
export interface Best extends FusionOptions {
  readonly k: number;
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

/** What of a version is searched: what is reachable now, or what was at a moment. */
interface Moment {
  /** Ends the name of a statement. */
  readonly name: string;
  /** The parameter of the moment; null: now. */
  readonly parameter: string | null;
  /** The condition on a chunk `c`. */
  served(version: number): string;
  /** The condition on the vector `e` of a chunk, if any. */
  readonly vector?: string;
}

const NOW: Moment = { name: '', parameter: null, served: servedBy };

const at = (parameter: string): Moment => ({
  name: '_as_of',
  parameter,
  served: (version) => servedAt(version, `${parameter}::timestamptz`),
  vector: `e.reachable_at <= ${parameter}::timestamptz`,
});

/** The parameters of `common`. */
const KNOWN_WORDS = { words: '$9', chunks: '$10' };

/** A question of one kind: what its statement is made of. */
interface Kind {
  readonly version: IndexVersionRow;
  readonly moment: Moment;
  readonly canary: boolean;
  /** Which filters it has: a plan for all questions could use no index of times. */
  readonly has: { readonly modalities: boolean; readonly from: boolean; readonly to: boolean };
  /** Whether it has any of them, or asks for a moment or a confidence, so that perhaps few chunks pass. */
  readonly filtered: boolean;
  /** Limits, as numbers in the text: a plan for any limit would be one for a tenth of all rows. */
  readonly candidates: number;
  readonly textRows: number;
  readonly exactRows: number | undefined;
  readonly width: SearchWidth | undefined;
  readonly best: BestParameters | undefined;
}

/** The parameters of `Best`. */
type BestParameters = Readonly<Record<keyof Best, string>>;

/** Where a version's vectors are: the partition by its name, for the planner need not look for it; nowhere once dropped. */
const partitionOf = ({ index_version: version, state }: IndexVersionRow): string =>
  state === 'dropped' ? '(select * from embedding limit 0)' : `embedding_v${version}`;

/** Filters that both rankings share. One that a question does not have is named all the same: each parameter has a type. */
const filters = ({ version, moment, has }: Kind): string => `
  c.tenant = $1 and ${moment.served(version.index_version)}
  and ${has.modalities ? 'c.modality = any($5::text[])' : '$5::text[] is null'}
  and ${has.from ? 'c.event_time >= $6::timestamptz' : '$6::timestamptz is null'}
  and ${has.to ? 'c.event_time < $7::timestamptz' : '$7::timestamptz is null'}
  and c.confidence >= $8`;

const and = (condition: string | undefined) => (condition === undefined ? '' : `and ${condition}`);

/**
 * From the moment of the fence nobody finds what is being erased, however long its rows take to go.
 *
 * Ranks are shared by near-ties, which the recency rank then orders: vectors within 0.01 of cosine distance, texts of
 * the same score to three digits.
 */
const fusedRows = ({ version: row, moment, best }: Kind): string => `
  , text_ranked as (
    select chunk_id, rank() over (order by round(score::numeric, 3) desc)::integer as text_rank from text_hits
  ), vector_ranked as (
    select chunk_id, rank() over (order by round(distance::numeric, 2))::integer as vector_rank from vector_hits
  ), candidate as materialized (
    select chunk_id, max(text_rank) as text_rank, max(vector_rank) as vector_rank
    from (
      select chunk_id, text_rank, null::integer as vector_rank from text_ranked
      union all
      select chunk_id, null, vector_rank from vector_ranked
    ) as ranked
    group by chunk_id
  ), admitted as (
    select candidate.*, c.event_time, (rank() over (order by c.event_time desc))::integer as recency_rank
    from candidate
    join chunk c on c.tenant = $1 and c.chunk_id = candidate.chunk_id
    join interaction i on i.tenant = $1 and i.interaction_id = c.interaction_id
    join subject s on s.tenant = $1 and s.customer_key = c.customer_key
    where ${admits('i', 's')}
  ), described as materialized (
    select * from admitted ${best === undefined ? '' : bestOf(best)}
  )
  select
    c.chunk_id, c.text, described.text_rank, described.vector_rank, described.recency_rank,
    c.modality, c.interaction_id, c.customer_key, i.sealed_payload, c.author, c.event_time, c.place, c.confidence,
    c.artifact_id, a.kind, a.model, a.model_version, a.redactor_version, c.chunker_version, f.degraded,
    f.captured_at, f.accepted_at, f.picked_up_at, f.text_reachable_at, e.embedded_at, e.reachable_at,
    case when i.segment_index is not null then (
      select min(o.started_at) from interaction o where o.tenant = $1 and o.session_id = i.session_id
    ) end as session_started_at
  from described
  join chunk c on c.tenant = $1 and c.chunk_id = described.chunk_id
  join artifact a on a.tenant = $1 and a.artifact_id = c.artifact_id
  join interaction i on i.tenant = $1 and i.interaction_id = c.interaction_id
  join freshness f on f.tenant = $1 and f.interaction_id = c.interaction_id
  left join ${partitionOf(row)} e
    on e.index_version = ${row.index_version} and e.tenant = $1 and e.chunk_id = c.chunk_id ${and(moment.vector)}`;

/** The best by the score of `fusedScore` and in the order of `fuse` (src/domain/rank-fusion.ts), which has the last word. */
const bestOf = ({ k, rankConstant, recencyWeight }: BestParameters): string => `
    order by
      coalesce(1 / (${rankConstant}::float8 + text_rank), 0) + coalesce(1 / (${rankConstant}::float8 + vector_rank), 0)
        + ${recencyWeight}::float8 / (${rankConstant}::float8 + recency_rank) desc,
      date_trunc('milliseconds', event_time) desc,
      chunk_id
    limit ${k}::integer`;

/**
 * Within a customer. Vectors are exact, being the customer's by B-tree; without the cast of an index none can be used. So are
 * words of up to `textRows` chunks; of a larger customer they choose what is ranked as they do over all.
 */
const withinCustomer = (kind: Kind): string => {
  const own = `c.customer_key = $2 and ${filters(kind)}`;
  const large = '(select is_large from customer)';
  return `
    with ${askedWords(OF_ONE_CUSTOMER * kind.textRows, KNOWN_WORDS)}, ${customerSize(kind.textRows)}, text_hits as (
      select chunk_id, score
      from (
        select c.chunk_id, ts_rank(c.words, (select query from wanted), 1) as score
        from chunk c
        where not ${large} and c.words @@ (select query from wanted) and ${own}
        union all
        ${chosenByWords(kind, `${large} and ${own}`, 'that have any')}
      ) as found
      order by score desc
      limit ${kind.candidates}
    ), vector_hits as (
      select e.chunk_id, e.distance
      from (
        select e.chunk_id, e.embedding <=> $4::vector as distance
        from ${partitionOf(kind.version)} e
        where $4::vector is not null and e.index_version = ${kind.version.index_version} and e.tenant = $1
          and e.customer_key = $2 ${and(kind.moment.vector)}
        ${kind.filtered ? '' : 'order by distance offset 0'}
      ) as e
      ${ownChunks(kind)}
      order by e.distance
      limit ${kind.candidates}
    )${fusedRows(kind)}`;
};

/**
 * Chunks `c` that pass a condition and have a rare word of the question, or, where it has none, any word and are the newest:
 * of all that pass, of which a common word is in many; or of those that have a word, for what is common with all may be
 * rare with one customer, whose chunks are then looked at as far as must be.
 */
const chosenByWords = ({ textRows }: Kind, asked: string, newest: 'of all' | 'that have any'): string => `
        select c.chunk_id, ts_rank(c.words, (select query from wanted), 1) as score
        from tenant_chunk c
        where c.words @@ (select selective from wanted) and ${asked}
        union all
        select c.chunk_id, ts_rank(c.words, query, 1) as score
        from (
          select c.chunk_id, c.words
          from chunk c
          where (select too_common from wanted) and ${asked}
            ${newest === 'of all' ? '' : 'and c.words @@ (select query from wanted)'}
          order by c.event_time desc
          limit ${textRows}
        ) as c, wanted
        where c.words @@ query`;

/**
 * The chunks `c` of a customer's vectors `e`. Without filters nearly all pass: vectors are sorted before their chunks are
 * looked at ("offset 0"), which is then done one by one for the nearest alone. With a filter that few pass, that would be all
 * of the vectors: the two are joined as the planner finds best.
 */
const ownChunks = (kind: Kind): string => {
  const own = `c.chunk_id = e.chunk_id and c.customer_key = $2 and ${filters(kind)}`;
  return kind.filtered
    ? `join chunk c on ${own}`
    : `cross join lateral (select from chunk c where ${own} offset 0) as c`;
};

/**
 * Over all customers: full text by GIN, vectors by the tiers of the index (src/db/nearest.ts). Words are searched in the
 * view `tenant_chunk`, because row-level security keeps GIN from being used on the table. A version that was dropped has
 * no partition any more, and no vectors.
 *
 * A canary asks by its own text: by vector it competes with all, being nearest to itself; by words with canaries alone,
 * for many may have said the same.
 */
const overAll = (kind: Kind): string => {
  const real = ofRealCustomers('c.customer_key');
  const asked = `${filters(kind)} and ${kind.canary ? ofReservedCustomers('c.customer_key') : real}`;
  return `
    with ${askedWords(kind.textRows, KNOWN_WORDS)}, text_hits as (
      select chunk_id, score
      from (${chosenByWords(kind, `$2::text is null and $11::integer > 0 and ${asked}`, 'of all')}) as found
      order by score desc
      limit ${kind.candidates}
    ), ${kind.has.from || kind.has.to ? windowedHits(kind) : vectorHits(kind)}${fusedRows(kind)}`;
};

/** Of a canary by the index in any case, which it is there to try. */
const vectorHits = (kind: Kind, name = 'vector_hits', gate = 'true'): string => `
    ${name} as ${nearestVectors(kind.version, {
      vector: '$4',
      ofVector: `$4::vector is not null and ${gate} ${and(kind.moment.vector)}`,
      ofChunk: `${filters(kind)} and ${kind.canary ? 'true' : ofRealCustomers('c.customer_key')}`,
      limit: String(kind.candidates),
      width: kind.width,
      fewRows: kind.canary ? undefined : kind.exactRows,
    })}`;

/**
 * Of a time with few chunks the vectors are measured all: an index that knows nothing of times would look at most of its
 * graph for them, or give up before.
 */
const windowedHits = (kind: Kind): string => {
  const { version: row, moment } = kind;
  if (row.state === 'dropped') return vectorHits(kind);
  const few = '(select count(*) <= $11::integer from in_time)';
  return `
    in_time as materialized (
      select c.chunk_id
      from chunk c
      where $4::vector is not null and ${filters(kind)} and ${kind.canary ? 'true' : ofRealCustomers('c.customer_key')}
      limit $11::integer + 1
    ), ${vectorHits(kind, 'of_many', `not ${few}`)}, of_few as (
      select e.chunk_id, ${indexedVector(row, 'e.embedding')} <=> ${indexedVector(row, '$4')} as distance
      from in_time
      join embedding_v${row.index_version} e
        on e.index_version = ${row.index_version} and e.tenant = $1 and e.chunk_id = in_time.chunk_id ${and(moment.vector)}
      where ${few}
      order by distance
      limit ${kind.candidates}
    ), vector_hits as (
      select chunk_id, distance from of_many union all select chunk_id, distance from of_few
    )`;
};

interface Asked {
  /** The select of candidates, without a name. */
  readonly text: string;
  /** Tells apart the statements of versions, of now and then, of times and canaries. */
  readonly name: string;
  /** Tells apart those of a name by the limits in their text. */
  readonly variant: string;
  readonly values: unknown[];
  readonly kind: Kind;
}

function ask(version: IndexVersionRow, query: RetrievalQuery): Asked {
  const values: unknown[] = [
    query.tenant,
    query.customerKey,
    query.words,
    query.vector === null ? null : vectorLiteral(query.vector),
    query.modalities,
    query.from,
    query.to,
    query.minConfidence,
  ];
  const ofCustomer = query.customerKey !== null;
  const { candidates, textRows = DEFAULT_ROWS, exactRows } = query;
  const { words, chunks } = query.common ?? { words: [], chunks: [] };
  values.push(words, chunks);
  if (!ofCustomer) values.push(exactRows ?? DEFAULT_ROWS);
  const past = (query.asOf ?? null) !== null;
  if (past) values.push(query.asOf);
  const moment = past ? at(`$${values.length}`) : NOW;
  const best = query.best && bestParameters(query.best, values);
  const has = { modalities: query.modalities !== null, from: query.from !== null, to: query.to !== null };
  const width = has.modalities || has.from || has.to ? query.width : withoutEnd(query.width);
  const kind: Kind = {
    version,
    moment,
    canary: query.canary ?? false,
    ...{ has, filtered: hasFilters(query), candidates, textRows, exactRows, width, best },
  };
  const { canary } = kind;
  const traits = [
    ...[moment.name, canary && '_canary', version.state === 'dropped' && '_dropped'],
    ...[has.modalities && '_mod', has.from && '_from', has.to && '_to', query.minConfidence > 0 && '_c'],
  ];
  const name = `${ofCustomer ? 'customer' : 'all'}_v${version.index_version}${traits.filter(Boolean).join('')}`;
  const limits = ofCustomer ? [textRows] : [textRows, exactRows, width?.efSearch, width?.scanRows];
  const variant = [candidates, ...limits, best === undefined ? 'all' : 'best'].join(' ');
  return { name, variant, values, kind, text: ofCustomer ? withinCustomer(kind) : overAll(kind) };
}

function bestParameters({ k, rankConstant, recencyWeight }: Best, values: unknown[]): BestParameters {
  const first = values.push(k, rankConstant, recencyWeight) - 2;
  return { k: `$${first}`, rankConstant: `$${first + 1}`, recencyWeight: `$${first + 2}` };
}

/** Whether a question may be one that few chunks pass, and is to be planned for its values (`TenantDatabase.questions`). */
export function hasFilters(
  query: Pick<RetrievalQuery, 'modalities' | 'from' | 'to' | 'minConfidence' | 'asOf'>,
): boolean {
  const { modalities, from, to, minConfidence, asOf } = query;
  return minConfidence > 0 || [modalities, from, to, asOf ?? null].some((each) => each !== null);
}

/** Nothing may be given up early where nearly all passes: pgvector's own bound stands, also of a moment and a confidence. */
const withoutEnd = (width: SearchWidth | undefined): SearchWidth | undefined => width && { efSearch: width.efSearch };

/** Where a caller knows of no dial. */
const DEFAULT_ROWS = 1_000;

/** Candidates of both rankings; src/domain/rank-fusion.ts orders them. */
export async function retrieveCandidates(
  reader: Queryable,
  version: IndexVersionRow,
  query: RetrievalQuery,
): Promise<CandidateRow[]> {
  const { name, text, variant, values } = ask(version, query);
  return run<CandidateRow>(reader, overSegments(`rank_${name}`, version, text, variant), values);
}

/** All that an answer is made of. */
export interface Retrieved {
  readonly around: Surroundings;
  readonly candidates: readonly CandidateRow[];
}

type RetrievedRow = SurroundingsRow & { readonly [Column in keyof CandidateRow]: CandidateRow[Column] | null };

/** Candidates of both rankings and what is around them, of one snapshot, in one round trip. */
export async function retrieveAll(
  reader: Queryable,
  version: IndexVersionRow,
  query: RetrievalQuery,
): Promise<Retrieved> {
  const { name, text, variant, values, kind } = ask(version, query);
  const around = surroundingsText({
    ofCustomer: query.customerKey !== null,
    indexVersion: version.index_version,
    moment: kind.moment.parameter,
  });
  const whole = `
    with around as materialized (${around})
    select around.*, hit.*
    from around
    left join (${text}) as hit on true`;
  const rows = await run<RetrievedRow>(reader, overSegments(`retrieve_${name}`, version, whole, variant), values);
  return {
    around: surroundingsOf(only(rows.slice(0, 1))),
    candidates: rows.filter((row): row is RetrievedRow & CandidateRow => row.chunk_id !== null),
  };
}

/** What is around an answer for which nothing is searched. */
export async function readSurroundings(
  reader: Queryable,
  { index_version: indexVersion }: IndexVersionRow,
  { tenant, customerKey, asOf }: { tenant: string; customerKey: string | null; asOf: Date | null },
): Promise<Surroundings> {
  const ofCustomer = customerKey !== null;
  const statement = {
    name: `surroundings_${ofCustomer ? 'customer' : 'all'}_v${indexVersion}${asOf === null ? '' : '_as_of'}`,
    text: surroundingsText({ ofCustomer, indexVersion, moment: asOf === null ? null : '$3' }),
  };
  const values = [tenant, customerKey, ...(asOf === null ? [] : [asOf])];
  return surroundingsOf(only(await run<SurroundingsRow>(reader, statement, values)));
}
