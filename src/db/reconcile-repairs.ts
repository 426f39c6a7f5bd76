import type { ArtifactKind, Place } from '../domain/interaction.ts';
import type { ChunkToEmbed } from './embeddings.ts';
import type { MissingRow } from './reconciled-rows.ts';
import { admits, fenceOfCustomers } from './fence.ts';
import { only, run, type Queryable } from './pools.ts';
import { ofRealCustomers } from './real-customers.ts';
import { showsItsOwn } from './served.ts';

/** The texts of chunks; vectors of these that another model than the version's has made are taken away. */
export async function textsWithoutVector(
  db: Queryable,
  tenant: string,
  indexVersion: number,
  model: string,
  chunkIds: readonly string[],
): Promise<ChunkToEmbed[]> {
  const statement = {
    name: 'texts_without_vector',
    text: `
      with foreign_model as (
        delete from embedding
        where index_version = $2 and tenant = $1 and chunk_id = any($4::uuid[]) and model_version <> $3
      )
      select chunk_id, interaction_id, customer_key, text, null as known_vector
      from chunk
      where tenant = $1 and chunk_id = any($4::uuid[])`,
  };
  return run<ChunkToEmbed>(db, statement, [tenant, indexVersion, model, chunkIds]);
}

/** An artifact as its chunks are cut from it. */
export interface StoredArtifactRow {
  readonly artifact_id: string;
  readonly interaction_id: string;
  readonly kind: ArtifactKind;
  readonly piece: number;
  readonly content: readonly { text: string; place: Place; confidence: number }[];
  readonly redactions: Record<string, number>;
  readonly confidence: number;
  readonly model: string;
  readonly model_version: string;
  readonly prompt_version: string;
  readonly parameters: Record<string, unknown>;
  readonly redactor_version: string;
  readonly code_version: string;
  readonly model_ms: number;
  readonly sealed_object: string | null;
  readonly workflow_id: string | null;
  readonly run_id: string | null;
  /** Of the step that made it, as its edge says; null when the edge is gone. */
  readonly activity: string | null;
}

export async function loadArtifacts(
  db: Queryable,
  tenant: string,
  artifactIds: readonly string[],
): Promise<StoredArtifactRow[]> {
  const statement = {
    name: 'load_artifacts',
    text: `
      select a.artifact_id, a.interaction_id, a.kind, a.piece, a.content, a.redactions, a.confidence, a.model,
        a.model_version, a.prompt_version, a.parameters, a.redactor_version, a.code_version, a.model_ms, a.sealed_object, a.workflow_id,
        a.run_id,
        (select l.activity from lineage_edge l
         where l.tenant = $1 and l.to_id = a.artifact_id and l.to_kind = 'artifact' limit 1) as activity
      from artifact a
      where a.tenant = $1 and a.artifact_id = any($2::uuid[]) and (a.state = 'active' or a.shown_in is not null)`,
  };
  return run<StoredArtifactRow>(db, statement, [tenant, artifactIds]);
}

/**
 * Hands records back to their workflows, which skip what is stored: they wait again, and the sweep rings at once. One
 * more attempt tells a call's workflow that still runs to begin the record again.
 * Answers those that the fence let through.
 */
export async function reopenRecords(
  db: Queryable,
  tenant: string,
  interactionIds: readonly string[],
): Promise<string[]> {
  const statement = {
    name: 'reopen_records',
    text: `
      with ${fenceOfCustomers(
        'select customer_key from interaction where tenant = $1 and interaction_id = any($2::uuid[])',
      )}, reopened as (
        update freshness f set state = 'accepted', attempts = f.attempts + 1
        from interaction i
        join fence using (customer_key)
        where f.tenant = $1 and f.interaction_id = any($2) and f.state = 'reachable'
          and i.tenant = $1 and i.interaction_id = f.interaction_id
          and ${admits('i')}
          -- What stands for a piece in one index version alone may be what the run would make.
          and not ${showsItsOwn('f.interaction_id')}
        returning f.interaction_id, f.session_id
      ), roused as (
        update session set
          arrivals = arrivals + 1,
          awake_since = coalesce(awake_since, now()),
          ring_after = now()
        where tenant = $1 and session_id in (select session_id from reopened)
      )
      select interaction_id from reopened`,
  };
  const rows = await run<{ interaction_id: string }>(db, statement, [tenant, interactionIds]);
  return rows.map(({ interaction_id }) => interaction_id);
}

/** Of records that were handed back, how many are not reachable yet. Erased ones are nobody's concern any more. */
export async function countUnreachable(
  db: Queryable,
  tenant: string,
  interactionIds: readonly string[],
): Promise<number> {
  const statement = {
    name: 'count_unreachable',
    text: `
      select count(*)::integer as count
      from freshness
      where tenant = $1 and interaction_id = any($2::uuid[]) and state not in ('reachable', 'erased')`,
  };
  return only(await run<{ count: number }>(db, statement, [tenant, interactionIds])).count;
}

/**
 * Rings for sessions whose records have waited for too long; answers how many records wait. Those that the fence shuts
 * out, those that wait for a paused source, and canaries are left alone.
 */
export async function ringForStuck(db: Queryable, tenant: string, stuckAfterMs: number): Promise<number> {
  const statement = {
    name: 'ring_for_stuck',
    text: `
      with stuck as materialized (
        select f.session_id
        from freshness f
        join interaction i on i.tenant = $1 and i.interaction_id = f.interaction_id
        join subject owner on owner.tenant = $1 and owner.customer_key = f.customer_key
        where f.tenant = $1 and f.state in ('accepted', 'processing') and f.waits_for is null
          and f.accepted_at < now() - $2::double precision * interval '1 ms'
          and ${admits('i', 'owner')}
          and ${ofRealCustomers('f.customer_key')}
      ), roused as (
        update session set
          arrivals = arrivals + 1,
          awake_since = coalesce(awake_since, now()),
          ring_after = now()
        where tenant = $1 and session_id in (select session_id from stuck)
      )
      select count(*)::integer as count from stuck`,
  };
  return only(await run<{ count: number }>(db, statement, [tenant, stuckAfterMs])).count;
}

/** Writes edges again from the rows that they connect: to artifacts and to chunks. Answers how many were written. */
export async function restoreEdges(db: Queryable, tenant: string, missing: readonly MissingRow[]): Promise<number> {
  const statement = {
    name: 'restore_edges',
    text: `
      with ${fenceOfCustomers(
        'select customer_key from artifact where tenant = $1 and artifact_id = any($2::uuid[] || $3::uuid[])',
      )}, source as materialized (
        select a.*
        from artifact a
        join interaction i on i.tenant = $1 and i.interaction_id = a.interaction_id
        join fence on fence.customer_key = a.customer_key
        where a.tenant = $1 and a.artifact_id = any($2 || $3)
          and ${admits('i')}
      ), written as (
        insert into lineage_edge (
          tenant, from_id, to_id, from_kind, to_kind, interaction_id, customer_key, activity, model, model_version,
          parameters, code_version, workflow_id, run_id)
        select $1, s.interaction_id, s.artifact_id, 'raw', 'artifact', s.interaction_id, s.customer_key,
          case s.kind
            when 'message' then 'redact'
            when 'transcript' then 'transcribePiece'
            when 'screen_text' then 'readScreenText'
            else 'captionScreen'
          end,
          s.model, case s.kind when 'message' then s.redactor_version else s.model_version end, s.parameters,
          s.code_version, s.workflow_id, s.run_id
        from source s
        where s.artifact_id = any($2)
        union all
        select $1, s.artifact_id, c.chunk_id, 'artifact', 'chunk', s.interaction_id, s.customer_key, 'chunk', null,
          c.chunker_version, '{}', s.code_version, s.workflow_id, s.run_id
        from source s
        join chunk c on c.tenant = $1 and c.artifact_id = s.artifact_id
        where c.chunk_id = any($4::uuid[])
        on conflict do nothing
        returning 1
      )
      select count(*)::integer as count from written`,
  };
  const toArtifact = missing
    .filter(({ chunk_id }) => chunk_id === null)
    .flatMap(({ artifact_id }) => artifact_id ?? []);
  const toChunk = missing.filter(({ chunk_id }) => chunk_id !== null);
  const values = [
    tenant,
    toArtifact,
    toChunk.flatMap(({ artifact_id }) => artifact_id ?? []),
    toChunk.flatMap(({ chunk_id }) => chunk_id ?? []),
  ];
  return only(await run<{ count: number }>(db, statement, values)).count;
}

/** An edge to a vector, whose node is named by a derived id. */
export interface VectorEdge {
  readonly chunkId: string;
  readonly embeddingId: string;
  readonly indexVersion: number;
}

export async function restoreVectorEdges(
  db: Queryable,
  tenant: string,
  codeVersion: string,
  edges: readonly VectorEdge[],
): Promise<number> {
  const statement = {
    name: 'restore_vector_edges',
    text: `
      with given as materialized (
        select g.embedding_id, g.index_version, e.model_version, c.chunk_id, c.interaction_id, c.customer_key
        from unnest($2::uuid[], $3::uuid[], $4::integer[]) as g (chunk_id, embedding_id, index_version)
        join chunk c on c.tenant = $1 and c.chunk_id = g.chunk_id
        join embedding e on e.index_version = g.index_version and e.tenant = $1 and e.chunk_id = g.chunk_id
      ), ${fenceOfCustomers('select customer_key from given')}, written as (
        insert into lineage_edge (
          tenant, from_id, to_id, from_kind, to_kind, interaction_id, customer_key, activity, model, model_version,
          parameters, code_version)
        select $1, chunk_id, embedding_id, 'chunk', 'embedding', given.interaction_id, given.customer_key, 'embed',
          model_version, model_version, jsonb_build_object('indexVersion', index_version), $5
        from given
        join fence using (customer_key)
        join interaction i on i.tenant = $1 and i.interaction_id = given.interaction_id
        where ${admits('i')}
        on conflict do nothing
        returning 1
      )
      select count(*)::integer as count from written`,
  };
  const values = [
    tenant,
    edges.map(({ chunkId }) => chunkId),
    edges.map(({ embeddingId }) => embeddingId),
    edges.map(({ indexVersion }) => indexVersion),
    codeVersion,
  ];
  return only(await run<{ count: number }>(db, statement, values)).count;
}
