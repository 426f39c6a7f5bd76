import type { ArtifactKind, Modality, Place } from '../domain/interaction.ts';
import { tracesEveryStep } from '../domain/lineage-depth.ts';
import { admits, fenceOfRecord } from './fence.ts';
import { only, run, type Queryable } from './pools.ts';
import { servedBy } from './served.ts';

/**
 * `staged`: made anew and not served yet. `quarantined`: held back for its quality. `failed`: its vectors never became
 * reachable, or the place of a piece that could not be made. `discarded`: held back for good by an operator.
 */
export type ArtifactState = 'staged' | 'active' | 'quarantined' | 'failed' | 'superseded' | 'discarded';

/** What a recognition step writes: the artifact, its chunks and their lineage. */
export interface NewArtifact {
  readonly tenant: string;
  readonly interactionId: string;
  readonly artifactId: string;
  readonly kind: ArtifactKind;
  readonly piece: number;
  /** `staged`: its chunks are not served until it replaces what is (src/db/replaced-artifacts.ts). */
  readonly state: 'active' | 'quarantined' | 'staged';
  readonly reason: string | null;
  readonly content: readonly { text: string; place: Place; confidence: number }[];
  readonly redactions: Readonly<Record<string, number>>;
  readonly confidence: number;
  readonly model: string;
  readonly modelVersion: string;
  readonly promptVersion: string;
  readonly parameters: Readonly<Record<string, unknown>>;
  readonly redactorVersion: string;
  readonly chunkerVersion: string;
  readonly codeVersion: string;
  readonly modelMs: number;
  readonly sealedObject: string | null;
  readonly activity: string;
  readonly workflowId: string | null;
  readonly runId: string | null;
  readonly chunks: readonly { chunkId: string; ordinal: number; text: string; place: Place; confidence: number }[];
  /** Event time of each chunk: for a recording its own end, else the time of capture. */
  readonly eventTimes: readonly Date[];
  /** Of its record's stream. */
  readonly lineageDepth?: number;
}

/**
 * Stores an artifact with its chunks and lineage in one transaction, unless the record was erased. Run again, it
 * changes nothing: rows are named by what they are made of. Answers false when the fence refused.
 */
export async function storeArtifact(db: Queryable, artifact: NewArtifact): Promise<boolean> {
  const statement = {
    name: 'store_artifact',
    text: `
      with ${fenceOfRecord('$2')}, admitted as (
        select record.*
        from record, fence
        where ${admits('record')}
      ), written as (
        insert into artifact (
          tenant, artifact_id, interaction_id, customer_key, kind, piece, state, reason, content, redactions,
          confidence, model, model_version, parameters, redactor_version, code_version, model_ms, sealed_object,
          workflow_id, run_id, prompt_version, chunker_version)
        select $1, $3::uuid, interaction_id, customer_key, $4, $5, $6, $7, $8::jsonb, $9::jsonb,
          $10, $11, $12, $13::jsonb, $14, $15, $16, $17, $18, $19, $28, $20
        from admitted
        on conflict (tenant, artifact_id) do nothing
      ), cut as (
        insert into chunk (
          tenant, chunk_id, artifact_id, interaction_id, session_id, customer_key, modality, ordinal, author, text,
          place, confidence, event_time, chunker_version, active, activated_at)
        select $1, piece.chunk_id, $3, interaction_id, session_id, customer_key, modality, piece.ordinal, author,
          piece.text, piece.place, piece.confidence, piece.event_time, $20, $6 = 'active',
          case when $6 = 'active' then now() end
        from admitted
        cross join unnest($22::uuid[], $23::integer[], $24::text[], $25::jsonb[], $26::real[], $27::timestamptz[])
          as piece (chunk_id, ordinal, text, place, confidence, event_time)
        on conflict (tenant, chunk_id) do nothing
      ), stamped as (
        update freshness f set text_reachable_at = coalesce(f.text_reachable_at, clock_timestamp())
        from admitted
        where f.tenant = $1 and f.interaction_id = admitted.interaction_id and cardinality($22) > 0
          and $6 = 'active'
      ), traced as (
        insert into lineage_edge (
          tenant, from_id, to_id, from_kind, to_kind, interaction_id, customer_key, activity, model, model_version,
          parameters, code_version, workflow_id, run_id)
        select $1, interaction_id, $3, 'raw', 'artifact', interaction_id, customer_key, $21, $11, $12, $13, $15, $18, $19
        from admitted
        union all
        select $1, $3, piece.chunk_id, 'artifact', 'chunk', interaction_id, customer_key, 'chunk', null, $20, '{}',
          $15, $18, $19
        from admitted
        cross join unnest($22) as piece (chunk_id)
        where $29::boolean
        on conflict do nothing
      )
      select exists (select from admitted) as admitted`,
  };
  return only(await run<{ admitted: boolean }>(db, statement, artifactValues(artifact))).admitted;
}

function artifactValues(artifact: NewArtifact): unknown[] {
  const { chunks } = artifact;
  return [
    artifact.tenant,
    artifact.interactionId,
    artifact.artifactId,
    artifact.kind,
    artifact.piece,
    artifact.state,
    artifact.reason,
    JSON.stringify(artifact.content),
    JSON.stringify(artifact.redactions),
    artifact.confidence,
    artifact.model,
    artifact.modelVersion,
    JSON.stringify(artifact.parameters),
    artifact.redactorVersion,
    artifact.codeVersion,
    artifact.modelMs,
    artifact.sealedObject,
    artifact.workflowId,
    artifact.runId,
    artifact.chunkerVersion,
    artifact.activity,
    chunks.map(({ chunkId }) => chunkId),
    chunks.map(({ ordinal }) => ordinal),
    chunks.map(({ text }) => text),
    chunks.map(({ place }) => JSON.stringify(place)),
    chunks.map(({ confidence }) => confidence),
    artifact.eventTimes,
    artifact.promptVersion,
    tracesEveryStep(artifact.lineageDepth),
  ];
}

/** An artifact that an earlier attempt of the same step has already stored, so that the model is not asked again. */
export interface StoredArtifact {
  readonly artifact_id: string;
  readonly piece: number;
  readonly state: ArtifactState;
  readonly confidence: number;
  readonly chunks: number;
}

export async function findArtifact(
  db: Queryable,
  tenant: string,
  artifactId: string,
): Promise<StoredArtifact | undefined> {
  const statement = {
    name: 'find_artifact',
    text: `
      select artifact_id, piece, state, confidence,
        (select count(*)::integer from chunk c where c.tenant = a.tenant and c.artifact_id = a.artifact_id) as chunks
      from artifact a
      where tenant = $1 and artifact_id = $2::uuid`,
  };
  const rows = await run<StoredArtifact>(db, statement, [tenant, artifactId]);
  return rows[0];
}

/** A record as the recognition steps need it. */
export interface RecordRow {
  readonly interaction_id: string;
  readonly customer_key: string;
  readonly modality: Modality;
  readonly captured_at: Date;
  readonly key_generation: number;
  readonly sealed_payload: Buffer;
  readonly raw_object: string | null;
  readonly raw_bytes: number | null;
  /** Equal for records of one customer with the same uploaded bytes; null without bytes. */
  readonly content_hash: string | null;
  readonly media_type: string;
  readonly duration_ms: number | null;
  readonly segment_index: number | null;
  readonly started_at: Date | null;
  /** When the call of this recording began, as far as is known: the earliest of its records. */
  readonly session_started_at: Date | null;
}

export async function findRecord(db: Queryable, tenant: string, interactionId: string): Promise<RecordRow | undefined> {
  const statement = {
    name: 'find_record',
    text: `
      select interaction_id, customer_key, modality, captured_at, key_generation, sealed_payload, raw_object,
        raw_bytes::integer, content_hash, media_type, duration_ms, segment_index, started_at,
        (select min(started_at) from interaction s where s.tenant = i.tenant and s.session_id = i.session_id)
          as session_started_at
      from interaction i
      where tenant = $1 and interaction_id = $2::uuid`,
  };
  const rows = await run<RecordRow>(db, statement, [tenant, interactionId]);
  return rows[0];
}

/** Notes how many artifacts a record will have, so that progress can be told and completion seen. */
export async function setPieces(db: Queryable, tenant: string, interactionId: string, pieces: number): Promise<void> {
  const statement = {
    name: 'set_pieces',
    text: 'update freshness set pieces_total = $3 where tenant = $1 and interaction_id = $2::uuid',
  };
  await run(db, statement, [tenant, interactionId, pieces]);
}

/** At which length a recording was cut when it came in; null when it was not, or nothing is known of it. */
export async function findPieceTarget(db: Queryable, tenant: string, interactionId: string): Promise<number | null> {
  const statement = {
    name: 'find_piece_target',
    text: 'select piece_target_ms from freshness where tenant = $1 and interaction_id = $2::uuid',
  };
  const rows = await run<{ piece_target_ms: number | null }>(db, statement, [tenant, interactionId]);
  return rows[0]?.piece_target_ms ?? null;
}

/**
 * Keeps at which length a recording is cut, once: when it is run again after the dial was moved, its pieces must be
 * those that are stored already. Answers the length that is kept.
 */
export async function keepPieceTarget(
  db: Queryable,
  tenant: string,
  interactionId: string,
  targetMs: number,
): Promise<number> {
  const statement = {
    name: 'keep_piece_target',
    text: `
      update freshness set piece_target_ms = coalesce(piece_target_ms, $3)
      where tenant = $1 and interaction_id = $2::uuid
      returning piece_target_ms`,
  };
  const rows = await run<{ piece_target_ms: number }>(db, statement, [tenant, interactionId, targetMs]);
  return rows[0]?.piece_target_ms ?? targetMs;
}

/**
 * Gives up on a step: notes the failed piece, or, for `index`, takes the piece's artifacts whose vectors never became
 * reachable out of service. What was made of other pieces stays.
 */
export async function recordFailedPiece(db: Queryable, failure: FailedPiece): Promise<void> {
  const statement = {
    name: 'record_failed_piece',
    text: `
      with unreachable as (
        update artifact a set state = 'failed', reason = $6, detail = $9, failed_at = clock_timestamp()
        where a.tenant = $1 and a.interaction_id = $2::uuid and a.state = 'active' and $4 = 'index' and a.piece = $5
          and exists (
            select
            from chunk c
            left join embedding e on e.index_version = $7 and e.tenant = c.tenant and e.chunk_id = c.chunk_id
            where c.tenant = $1 and c.artifact_id = a.artifact_id and ${servedBy('$7')} and e.reachable_at is null)
        returning artifact_id
      ), withdrawn as (
        update chunk set active = false, withdrawn_at = clock_timestamp()
        where tenant = $1 and artifact_id in (select artifact_id from unreachable)
      ), noted as (
        update freshness set
          first_failed_at = coalesce(first_failed_at, clock_timestamp()),
          last_failed_at = clock_timestamp()
        where tenant = $1 and interaction_id = $2
      )
      insert into artifact (
        tenant, artifact_id, interaction_id, customer_key, kind, piece, state, reason, confidence, model,
        model_version, redactor_version, code_version, detail, workflow_id, run_id, failed_at)
      select tenant, $3::uuid, interaction_id, customer_key, $4, $5, 'failed', $6, 0, 'none', 'none', 'none', $8,
        $9, $10, $11, clock_timestamp()
      from interaction
      where tenant = $1 and interaction_id = $2::uuid and $4 <> 'index'
      on conflict (tenant, artifact_id) do nothing`,
  };
  await run(db, statement, [
    failure.tenant,
    failure.interactionId,
    failure.artifactId,
    failure.kind,
    failure.piece,
    failure.reason,
    failure.indexVersion,
    failure.codeVersion,
    failure.detail ?? null,
    failure.workflowId ?? null,
    failure.runId ?? null,
  ]);
}

export interface FailedPiece {
  readonly tenant: string;
  readonly interactionId: string;
  readonly artifactId: string;
  readonly kind: ArtifactKind | 'index';
  readonly piece: number;
  readonly reason: string;
  /** The error in words; never what was being processed. */
  readonly detail?: string | null;
  readonly indexVersion: number;
  readonly codeVersion: string;
  readonly workflowId?: string | null;
  readonly runId?: string | null;
}
