import type { ArtifactKind, Place } from '../domain/interaction.ts';
import type { ArtifactState } from './artifacts.ts';
import { admits, fenceOfRecord } from './fence.ts';
import { only, run, type Queryable } from './pools.ts';
import { servedBy } from './served.ts';

/** An artifact as it was made, with what tells whether it would be made the same again. */
export interface MadeArtifact {
  readonly artifact_id: string;
  readonly kind: ArtifactKind;
  readonly piece: number;
  readonly state: ArtifactState;
  readonly reason: string | null;
  readonly content: readonly { text: string; place: Place; confidence: number }[];
  readonly redactions: Record<string, number>;
  readonly confidence: number;
  readonly model: string;
  readonly model_version: string;
  readonly prompt_version: string;
  readonly parameters: Record<string, unknown>;
  readonly redactor_version: string;
  readonly chunker_version: string;
  readonly code_version: string;
  readonly model_ms: number;
  readonly sealed_object: string | null;
  readonly workflow_id: string | null;
  readonly run_id: string | null;
  readonly chunks: number;
  /** The index version that alone serves it. */
  readonly shown_in: number | null;
}

/** All artifacts of a record, of whatever state. */
export async function artifactsOf(db: Queryable, tenant: string, interactionId: string): Promise<MadeArtifact[]> {
  const statement = {
    name: 'artifacts_of',
    text: `
      select
        a.artifact_id, a.kind, a.piece, a.state, a.reason, a.content, a.redactions, a.confidence, a.model,
        a.model_version, a.prompt_version, a.parameters, a.redactor_version, a.chunker_version, a.code_version,
        a.model_ms, a.sealed_object, a.workflow_id, a.run_id, a.shown_in,
        (select count(*)::integer from chunk c where c.tenant = $1 and c.artifact_id = a.artifact_id) as chunks
      from artifact a
      where a.tenant = $1 and a.interaction_id = $2::uuid
      order by a.kind, a.piece, a.created_at`,
  };
  return run<MadeArtifact>(db, statement, [tenant, interactionId]);
}

/** How many chunks of these artifacts have no usable vector in an index version, in the role of the readers. */
export async function countUnindexed(
  reader: Queryable,
  tenant: string,
  artifactIds: readonly string[],
  indexVersion: number,
): Promise<number> {
  const statement = {
    name: 'count_unindexed',
    text: `
      select count(*)::integer as chunks
      from chunk c
      left join embedding e on e.index_version = $3 and e.tenant = $1 and e.chunk_id = c.chunk_id
      where c.tenant = $1 and c.artifact_id = any($2::uuid[])
        and coalesce(abs(e.embedding <=> e.embedding), 1) >= 0.001`,
  };
  return only(await run<{ chunks: number }>(reader, statement, [tenant, artifactIds, indexVersion])).chunks;
}

/** How many chunks of these artifacts, where active, the read path of an index version does not serve. */
export async function countUnserved(
  reader: Queryable,
  tenant: string,
  artifactIds: readonly string[],
  indexVersion: number,
): Promise<number> {
  const statement = {
    name: 'count_unserved',
    text: `
      select count(*)::integer as chunks
      from artifact a
      join chunk c on c.tenant = $1 and c.artifact_id = a.artifact_id
      left join embedding e on e.index_version = $3 and e.tenant = $1 and e.chunk_id = c.chunk_id
      where a.tenant = $1 and a.artifact_id = any($2::uuid[]) and a.state = 'active'
        and (not (${servedBy('$3')}) or e.reachable_at is null)`,
  };
  return only(await run<{ chunks: number }>(reader, statement, [tenant, artifactIds, indexVersion])).chunks;
}

/** What is put into the place of what a record has, by kind: all pieces of a kind at once. */
export interface Replacement {
  readonly tenant: string;
  readonly interactionId: string;
  readonly kinds: readonly ArtifactKind[];
  /** All artifacts of these kinds from now on, also those that stay. */
  readonly artifactIds: readonly string[];
  /** Of these, those that come into service. */
  readonly madeIds: readonly string[];
  readonly redactor: string;
}

const FENCED = `
  ${fenceOfRecord('$2')}, admitted as materialized (
    select record.interaction_id
    from record, fence
    where ${admits('record')}
  ), moment as materialized (
    select clock_timestamp() as now from admitted
  ), made as (
    update artifact set state = 'active', superseded_at = null, shown_in = null, hidden_in = null
    from admitted
    where tenant = $1 and artifact_id = any($3::uuid[]) and state in ('staged', 'superseded', 'failed')
    returning artifact_id
  )`;

/**
 * Replaces artifacts at one moment: whoever asks before it finds the old, whoever asks after it the new. What was made
 * with another redactor does not stay for questions about the past, for it may show what must not be shown: the new,
 * texts and vectors, takes its place there too, and in recorded answers; the rest stays as superseded. What an index
 * version alone serves is left alone. Answers false when the fence refused.
 */
export async function replaceArtifacts(db: Queryable, replacement: Replacement): Promise<boolean> {
  const statement = {
    name: 'replace_artifacts',
    text: `
      with ${FENCED}, old as materialized (
        select a.artifact_id, a.kind, a.piece, a.redactor_version not in ('none', $6) as rewritten
        from artifact a, admitted
        where a.tenant = $1 and a.interaction_id = $2 and a.kind = any($4::text[])
          and not a.artifact_id = any($5::uuid[])
          and (a.state in ('active', 'quarantined', 'failed')
            or a.state = 'superseded' and a.redactor_version not in ('none', $6))
          and a.shown_in is null
      ), old_chunk as materialized (
        select old.*, c.chunk_id, c.ordinal, c.activated_at, c.hidden_in
        from old
        join chunk c on c.tenant = $1 and c.artifact_id = old.artifact_id
      ), new_chunk as materialized (
        select c.chunk_id, a.kind, a.piece, c.ordinal
        from artifact a
        join chunk c on c.tenant = $1 and c.artifact_id = a.artifact_id
        where a.tenant = $1 and a.artifact_id = any($3)
      ), inherited as materialized (
        select kind, case when bool_and(rewritten) then min(activated_at) end as since, max(hidden_in) as hidden_in
        from old_chunk
        group by kind
      ), inherited_vector as materialized (
        select inherited.kind, e.index_version, min(e.reachable_at) as since
        from inherited
        join old_chunk using (kind)
        join embedding e on e.tenant = $1 and e.chunk_id = old_chunk.chunk_id
        where inherited.since is not null and e.reachable_at is not null
        group by inherited.kind, e.index_version
      ), superseded as (
        update artifact a set state = 'superseded', superseded_at = moment.now
        from old, moment
        where a.tenant = $1 and a.artifact_id = old.artifact_id and not old.rewritten
      ), withdrawn as (
        update chunk c set active = false, withdrawn_at = moment.now
        from old_chunk, moment
        where c.tenant = $1 and c.chunk_id = old_chunk.chunk_id and c.active and not old_chunk.rewritten
      ), repeated as (
        update retrieval_hit h set chunk_id = new_chunk.chunk_id
        from old_chunk
        join new_chunk using (kind, piece, ordinal)
        where h.tenant = $1 and h.chunk_id = old_chunk.chunk_id and old_chunk.rewritten
      ), forgotten as (
        delete from artifact a
        using old
        where a.tenant = $1 and a.artifact_id = old.artifact_id and old.rewritten
      ), untraced as (
        delete from lineage_edge l
        where l.tenant = $1 and l.interaction_id = $2 and (
          l.from_id in (select artifact_id from old where rewritten)
          or l.to_id in (select artifact_id from old where rewritten)
          or l.from_id in (select chunk_id from old_chunk where rewritten))
      ), served as (
        update chunk c set
          active = true,
          activated_at = coalesce(inherited.since, moment.now),
          withdrawn_at = null,
          shown_in = null,
          hidden_in = inherited.hidden_in
        from moment, new_chunk
        left join inherited using (kind)
        where c.tenant = $1 and c.chunk_id = new_chunk.chunk_id and not c.active
      ), reached as (
        update embedding e set reachable_at = least(e.reachable_at, inherited_vector.since)
        from new_chunk
        join inherited_vector using (kind)
        where e.index_version = inherited_vector.index_version and e.tenant = $1 and e.chunk_id = new_chunk.chunk_id
      )
      select exists (select from admitted) as admitted`,
  };
  return only(await run<{ admitted: boolean }>(db, statement, replacementValues(replacement))).admitted;
}

const replacementValues = ({ tenant, interactionId, kinds, artifactIds, madeIds, redactor }: Replacement) => [
  tenant,
  interactionId,
  madeIds,
  kinds,
  artifactIds,
  redactor,
];

/** How many of these artifacts are not active, or not there any more. */
export async function countNotActive(db: Queryable, tenant: string, artifactIds: readonly string[]): Promise<number> {
  const statement = {
    name: 'count_not_active',
    text: `
      select cardinality($2::uuid[]) - count(*)::integer as artifacts
      from artifact
      where tenant = $1 and artifact_id = any($2) and state = 'active'`,
  };
  return only(await run<{ artifacts: number }>(db, statement, [tenant, artifactIds])).artifacts;
}

/** Puts one artifact into service that was staged by a replay and is now made live. Answers false when the fence refused. */
export async function serveStaged(
  db: Queryable,
  tenant: string,
  interactionId: string,
  artifactId: string,
): Promise<boolean> {
  const statement = {
    name: 'serve_staged',
    text: `
      with ${FENCED}, served as (
        update chunk c set active = true, activated_at = coalesce(c.activated_at, moment.now), shown_in = null
        from moment
        where c.tenant = $1 and c.artifact_id = any($3) and (c.activated_at is null or c.shown_in is not null)
      )
      select exists (select from admitted) as admitted`,
  };
  return only(await run<{ admitted: boolean }>(db, statement, [tenant, interactionId, [artifactId]])).admitted;
}

/** Stamps the vectors of these artifacts as reachable in index versions. */
export async function stampArtifacts(
  db: Queryable,
  tenant: string,
  artifactIds: readonly string[],
  indexVersions: readonly number[],
): Promise<void> {
  const statement = {
    name: 'stamp_artifacts',
    text: `
      update embedding e set reachable_at = clock_timestamp()
      from chunk c
      where c.tenant = $1 and c.artifact_id = any($2::uuid[]) and e.index_version = any($3::integer[])
        and e.tenant = $1 and e.chunk_id = c.chunk_id and e.reachable_at is null`,
  };
  await run(db, statement, [tenant, artifactIds, indexVersions]);
}
