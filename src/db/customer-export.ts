import type { Modality, Place } from '../domain/interaction.ts';
import { only, run, type Queryable } from './pools.ts';
import { HITS_OF_RETRIEVAL } from './retrieval-log.ts';
import type { StampColumns } from './stamps.ts';

/** Whose rows are read. */
export interface Customer {
  readonly tenant: string;
  readonly customerKey: string;
}

/**
 * Where a page begins: after the row with these sort values. Times are in Postgres' own text, whose microseconds a
 * JavaScript date would cut, so that rows would be skipped or come twice.
 */
export type Position = readonly string[];

/** One page of a customer's rows, in the order of their positions; empty after the last row. */
export type ReadPage<Row> = (reader: Queryable, customer: Customer, after: Position) => Promise<Row[]>;

/** Rows of a few kilobytes each. */
export const PAGE_ROWS = 500;

/** Records carry what was said in them, up to a megabyte each. */
const RECORD_PAGE_ROWS = 50;

const NO_ID = '00000000-0000-0000-0000-000000000000';

/** Before every row that is ordered by a time and by as many ids. */
export function beforeAll(ids: number): Position {
  return ['-infinity', ...Array.from({ length: ids }, () => NO_ID)];
}

/** Whether there is anything of a customer: what channels sent, or what was asked about the customer. */
export async function isAnythingHeld(reader: Queryable, { tenant, customerKey }: Customer): Promise<boolean> {
  const statement = {
    name: 'is_anything_held',
    text: `
      select
        exists (select from interaction where tenant = $1 and customer_key = $2)
        or exists (select from retrieval where tenant = $1 and customer_key = $2) as held`,
  };
  return only(await run<{ held: boolean }>(reader, statement, [tenant, customerKey])).held;
}

/** A record with all that was made of it by models. */
export interface ExportedRecordRow extends StampColumns {
  readonly position: Position;
  readonly interaction_id: string;
  readonly session_id: string;
  readonly workflow_id: string;
  readonly session_ended_at: Date | null;
  readonly expected_segments: number | null;
  readonly channel: string;
  readonly modality: Modality;
  readonly segment_index: number | null;
  readonly author: string | null;
  readonly state: string | null;
  readonly reason: string | null;
  readonly degraded: string[] | null;
  readonly pieces_total: number | null;
  readonly started_at: Date | null;
  readonly sealed_payload: Buffer;
  readonly key_generation: number;
  readonly has_raw_object: boolean;
  readonly raw_bytes: number | null;
  readonly media_type: string;
  readonly duration_ms: number | null;
  readonly code_version: string;
  readonly artifacts: readonly Readonly<Record<string, unknown>>[];
}

export const exportedRecords: ReadPage<ExportedRecordRow> = (reader, { tenant, customerKey }, after) => {
  const statement = {
    name: 'exported_records',
    text: `
      select
        array[i.captured_at::text, i.interaction_id::text] as position,
        i.interaction_id, i.session_id, s.workflow_id, s.ended_at as session_ended_at, s.expected_segments, i.channel,
        i.modality, i.segment_index, i.author, f.state, f.reason, f.degraded, f.pieces_total, i.started_at,
        i.captured_at, i.accepted_at, f.picked_up_at, f.text_reachable_at, f.transformed_at, f.indexed_at,
        f.reachable_at, i.sealed_payload, i.key_generation, i.raw_object is not null as has_raw_object, i.raw_bytes::integer,
        i.media_type, i.duration_ms, i.code_version,
        coalesce((
          select jsonb_agg(jsonb_build_object(
            'artifactId', a.artifact_id, 'kind', a.kind, 'piece', a.piece, 'state', a.state, 'reason', a.reason,
            'confidence', a.confidence, 'model', a.model, 'modelVersion', a.model_version, 'parameters', a.parameters,
            'modelMs', a.model_ms, 'redactorVersion', a.redactor_version, 'redactions', a.redactions,
            'passages', a.content, 'createdAt', a.created_at) order by a.kind, a.piece, a.artifact_id)
          from artifact a
          where a.tenant = i.tenant and a.customer_key = i.customer_key and a.interaction_id = i.interaction_id
        ), '[]') as artifacts
      from interaction i
      join session s on s.tenant = i.tenant and s.session_id = i.session_id
      left join freshness f on f.tenant = i.tenant and f.interaction_id = i.interaction_id
      where i.tenant = $1 and i.customer_key = $2
        and (i.captured_at, i.interaction_id) > ($3::timestamptz, $4::uuid)
      order by i.captured_at, i.interaction_id
      limit ${RECORD_PAGE_ROWS}`,
  };
  return run<ExportedRecordRow>(reader, statement, [tenant, customerKey, ...after]);
};

export interface ExportedChunkRow {
  readonly position: Position;
  readonly chunk_id: string;
  readonly artifact_id: string;
  readonly interaction_id: string;
  readonly ordinal: number;
  readonly modality: Modality;
  readonly author: string | null;
  readonly text: string;
  readonly place: Place;
  readonly confidence: number;
  readonly event_time: Date;
  readonly chunker_version: string;
  readonly active: boolean;
  readonly created_at: Date;
  /** Those that hold a vector of it. */
  readonly index_versions: number[];
}

export const exportedChunks: ReadPage<ExportedChunkRow> = (reader, { tenant, customerKey }, after) => {
  const statement = {
    name: 'exported_chunks',
    text: `
      select
        array[c.event_time::text, c.chunk_id::text] as position,
        c.chunk_id, c.artifact_id, c.interaction_id, c.ordinal, c.modality, c.author, c.text, c.place, c.confidence,
        c.event_time, c.chunker_version, c.active, c.created_at,
        array(
          select e.index_version
          from embedding e
          where e.tenant = c.tenant and e.customer_key = c.customer_key and e.chunk_id = c.chunk_id
          order by e.index_version
        ) as index_versions
      from chunk c
      where c.tenant = $1 and c.customer_key = $2
        and (c.event_time, c.chunk_id) > ($3::timestamptz, $4::uuid)
      order by c.event_time, c.chunk_id
      limit ${PAGE_ROWS}`,
  };
  return run<ExportedChunkRow>(reader, statement, [tenant, customerKey, ...after]);
};

export interface ExportedRetrievalRow {
  readonly position: Position;
  readonly retrieval_id: string;
  readonly sealed_query: Buffer | null;
  readonly mode: string;
  readonly filters: Readonly<Record<string, unknown>>;
  readonly index_version: number | null;
  readonly degraded: string[];
  readonly took_ms: number;
  readonly asked_at: Date;
  readonly hits: readonly Readonly<Record<string, unknown>>[];
}

export const exportedRetrievals: ReadPage<ExportedRetrievalRow> = (reader, { tenant, customerKey }, after) => {
  const statement = {
    name: 'exported_retrievals',
    text: `
      select
        array[r.asked_at::text, r.retrieval_id::text] as position,
        r.retrieval_id, r.sealed_query, r.mode, r.filters, r.index_version, r.degraded, r.took_ms, r.asked_at,
        ${HITS_OF_RETRIEVAL} as hits
      from retrieval r
      where r.tenant = $1 and r.customer_key = $2
        and (r.asked_at, r.retrieval_id) > ($3::timestamptz, $4::uuid)
      order by r.asked_at, r.retrieval_id
      limit ${PAGE_ROWS}`,
  };
  return run<ExportedRetrievalRow>(reader, statement, [tenant, customerKey, ...after]);
};

export interface ExportedEdgeRow {
  readonly position: Position;
  readonly from_id: string;
  readonly to_id: string;
  readonly from_kind: string;
  readonly to_kind: string;
  readonly interaction_id: string;
  readonly activity: string;
  readonly model: string | null;
  readonly model_version: string | null;
  readonly parameters: Readonly<Record<string, unknown>>;
  readonly code_version: string;
  readonly workflow_id: string | null;
  readonly run_id: string | null;
  readonly created_at: Date;
}

/** By way of the records, in their order, because edges and artifacts have an index by record and none by customer. */
export const exportedLineage: ReadPage<ExportedEdgeRow> = (reader, { tenant, customerKey }, after) => {
  const statement = {
    name: 'exported_lineage',
    text: `
      select
        array[i.captured_at::text, i.interaction_id::text, l.to_id::text, l.from_id::text] as position,
        l.from_id, l.to_id, l.from_kind, l.to_kind, l.interaction_id, l.activity, l.model, l.model_version,
        l.parameters, l.code_version, l.workflow_id, l.run_id, l.created_at
      from interaction i
      join lineage_edge l
        on l.tenant = i.tenant and l.customer_key = i.customer_key and l.interaction_id = i.interaction_id
      where i.tenant = $1 and i.customer_key = $2 and i.captured_at >= $3::timestamptz
        and (i.captured_at, i.interaction_id, l.to_id, l.from_id) > ($3, $4::uuid, $5::uuid, $6::uuid)
      order by i.captured_at, i.interaction_id, l.to_id, l.from_id
      limit ${PAGE_ROWS}`,
  };
  return run<ExportedEdgeRow>(reader, statement, [tenant, customerKey, ...after]);
};

/** A recording or picture in the raw store. */
export interface ExportedRawRow {
  readonly position: Position;
  readonly interaction_id: string;
  readonly key_generation: number;
  readonly raw_object: string;
  readonly media_type: string;
}

export const exportedRawObjects: ReadPage<ExportedRawRow> = (reader, { tenant, customerKey }, after) => {
  const statement = {
    name: 'exported_raw_objects',
    text: `
      select array[captured_at::text, interaction_id::text] as position, interaction_id, key_generation,
        raw_object, media_type
      from interaction
      where tenant = $1 and customer_key = $2 and raw_object is not null
        and (captured_at, interaction_id) > ($3::timestamptz, $4::uuid)
      order by captured_at, interaction_id
      limit ${PAGE_ROWS}`,
  };
  return run<ExportedRawRow>(reader, statement, [tenant, customerKey, ...after]);
};

/** A model's answer before redaction, in the raw store. */
export interface ExportedAnswerRow {
  readonly position: Position;
  readonly interaction_id: string;
  readonly key_generation: number;
  readonly artifact_id: string;
  readonly sealed_object: string;
}

export const exportedAnswers: ReadPage<ExportedAnswerRow> = (reader, { tenant, customerKey }, after) => {
  const statement = {
    name: 'exported_answers',
    text: `
      select
        array[i.captured_at::text, i.interaction_id::text, a.artifact_id::text] as position,
        a.interaction_id, i.key_generation, a.artifact_id, a.sealed_object
      from interaction i
      join artifact a
        on a.tenant = i.tenant and a.customer_key = i.customer_key and a.interaction_id = i.interaction_id
      where i.tenant = $1 and i.customer_key = $2 and i.captured_at >= $3::timestamptz
        and (i.captured_at, i.interaction_id, a.artifact_id) > ($3, $4::uuid, $5::uuid)
        and a.sealed_object is not null
      order by i.captured_at, i.interaction_id, a.artifact_id
      limit ${PAGE_ROWS}`,
  };
  return run<ExportedAnswerRow>(reader, statement, [tenant, customerKey, ...after]);
};
