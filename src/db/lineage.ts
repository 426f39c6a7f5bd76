import { admits } from './fence.ts';
import { run, type Queryable } from './pools.ts';

/** An edge as it was written with the data. */
export interface EdgeRow {
  readonly from_id: string;
  readonly to_id: string;
  readonly activity: string;
  readonly model: string | null;
  readonly model_version: string | null;
  readonly parameters: Readonly<Record<string, unknown>>;
  readonly code_version: string | null;
  readonly workflow_id: string | null;
  readonly run_id: string | null;
  readonly created_at: Date;
}

/** One thing of a record's lineage, with what it was made of. */
export interface LineageNodeRow {
  readonly kind: 'raw' | 'artifact' | 'chunk' | 'embedding';
  /** Of an embedding: its chunk's. */
  readonly id: string;
  /** What it was made of; null for the raw record. */
  readonly parent_id: string | null;
  /** Of an embedding alone. */
  readonly index_version: number | null;
  readonly state: string;
  readonly raw_object: string | null;
  readonly details: Readonly<Record<string, unknown>>;
  /** What made it, by its own row: what is known also where no edge was written (dial `lineage.depth`). */
  readonly model: string | null;
  readonly model_version: string | null;
  readonly made_at: Date;
  /** The edge to it as it was written; null where none was. */
  readonly edge: Omit<EdgeRow, 'created_at'> | null;
  readonly edge_at: Date | null;
}

/** The way from a chunk back to its raw record and on to its vectors; empty when there is no such chunk any more. */
export function chunkLineage(reader: Queryable, tenant: string, chunkId: string): Promise<LineageNodeRow[]> {
  return run(reader, CHUNK_LINEAGE, [tenant, chunkId]);
}

/** All that was made of a record, in every version, superseded ones too; empty when there is no such record any more. */
export function interactionLineage(
  reader: Queryable,
  tenant: string,
  interactionId: string,
): Promise<LineageNodeRow[]> {
  return run(reader, INTERACTION_LINEAGE, [tenant, interactionId]);
}

/**
 * The tree of one record from its own rows, each of which names what it was made of, with the edges that were written
 * beside them. Of a record that an erasure has fenced off nothing is told, however long its rows take to go.
 */
const tree = (chunkIs: string, recordIs: string, artifactIs: string): string => `
  with cut as materialized (
    select c.* from chunk c where c.tenant = $1 and ${chunkIs}
  ), record as materialized (
    select i.*
    from interaction i
    join subject s on s.tenant = $1 and s.customer_key = i.customer_key
    where i.tenant = $1 and ${recordIs}
      and ${admits('i', 's')}
  ), node as (
    select 1 as depth, 'raw' as kind, i.interaction_id as id, null::uuid as parent_id, null::integer as index_version,
      f.state, i.raw_object, null as model, null as model_version, i.accepted_at as made_at,
      jsonb_build_object(
        'modality', i.modality, 'mediaType', i.media_type, 'bytes', i.raw_bytes, 'durationMs', i.duration_ms,
        'capturedAt', i.captured_at, 'codeVersion', i.code_version) as details
    from record i
    join freshness f on f.tenant = $1 and f.interaction_id = i.interaction_id
    union all
    select 2, 'artifact', a.artifact_id, a.interaction_id, null, a.state, null, a.model, a.model_version, a.created_at,
      jsonb_build_object(
        'kind', a.kind, 'piece', a.piece, 'reason', a.reason, 'confidence', a.confidence, 'model', a.model,
        'modelVersion', a.model_version, 'redactorVersion', a.redactor_version, 'codeVersion', a.code_version)
    from artifact a
    join record using (interaction_id)
    where a.tenant = $1 and ${artifactIs}
    union all
    select 3, 'chunk', c.chunk_id, c.artifact_id, null,
      case when c.active then 'served' when c.activated_at is null then 'staged' else 'withdrawn' end,
      null, null, c.chunker_version, c.created_at,
      jsonb_build_object(
        'ordinal', c.ordinal, 'place', c.place, 'eventTime', c.event_time, 'confidence', c.confidence,
        'chunkerVersion', c.chunker_version, 'activatedAt', c.activated_at, 'withdrawnAt', c.withdrawn_at,
        'answers', (
          select count(distinct h.retrieval_id) from retrieval_hit h where h.tenant = $1 and h.chunk_id = c.chunk_id))
    from cut c
    join record using (interaction_id)
    union all
    select 4, 'embedding', c.chunk_id, c.chunk_id, e.index_version, v.state, null, v.model, e.model_version,
      e.committed_at,
      jsonb_build_object(
        'indexVersion', e.index_version, 'model', v.model, 'modelVersion', e.model_version,
        'reachableAt', e.reachable_at)
    from cut c
    join record using (interaction_id)
    join embedding e on e.tenant = $1 and e.chunk_id = c.chunk_id
    join index_version v on v.index_version = e.index_version
  )
  select
    node.kind, node.id, node.parent_id, node.index_version, node.state, node.raw_object, node.details, node.model,
    node.model_version, node.made_at, to_jsonb(edge) - 'created_at' as edge, edge.created_at as edge_at
  from node
  left join lateral (
    select l.from_id, l.to_id, l.activity, l.model, l.model_version, l.parameters, l.code_version, l.workflow_id,
      l.run_id, l.created_at
    from lineage_edge l
    where l.tenant = $1 and l.from_id = node.parent_id and l.to_kind = node.kind
      and case when node.kind = 'embedding' then (l.parameters ->> 'indexVersion')::integer = node.index_version
        else l.to_id = node.id end
  ) as edge on true
  order by node.depth, node.made_at, node.details ->> 'kind', node.details -> 'piece', node.details -> 'ordinal',
    node.id`;

const CHUNK_LINEAGE = {
  name: 'chunk_lineage',
  text: tree(
    'c.chunk_id = $2::uuid',
    'i.interaction_id = (select interaction_id from cut)',
    'a.artifact_id = (select artifact_id from cut)',
  ),
};

const INTERACTION_LINEAGE = {
  name: 'interaction_lineage',
  text: tree('c.interaction_id = $2::uuid', 'i.interaction_id = $2::uuid', 'true'),
};
