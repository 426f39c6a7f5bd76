import type { ArtifactState, NewArtifact } from './artifacts.ts';
import { admits, fenceOfRecord } from './fence.ts';
import { only, run, type Queryable } from './pools.ts';

/** The chunks of an artifact that is stored, cut from its content again. */
export type RecutArtifact = Pick<
  NewArtifact,
  'tenant' | 'interactionId' | 'artifactId' | 'chunkerVersion' | 'activity' | 'chunks' | 'eventTimes'
>;

/**
 * Gives a stored artifact back the chunks that it lacks, served if it is active; one that is gone or held back is given
 * none. After `lockRecord` of the same transaction, so that nothing is brought back that was replaced meanwhile.
 * Answers whether the fence let it through, and the state of the artifact that was given chunks.
 */
export async function recutChunks(
  db: Queryable,
  artifact: RecutArtifact,
): Promise<{ readonly admitted: boolean; readonly state: ArtifactState | null }> {
  const statement = {
    name: 'recut_chunks',
    text: `
      with ${fenceOfRecord('$2')}, admitted as materialized (
        select record.*
        from record, fence
        where ${admits('record')}
      ), kept as materialized (
        select artifact_id, state, shown_in, hidden_in, model, model_version, parameters, code_version, workflow_id, run_id
        from artifact
        where tenant = $1 and artifact_id = $3::uuid and interaction_id = $2
          and state not in ('quarantined', 'discarded') and exists (select from admitted)
        for no key update
      ), cut as (
        insert into chunk (
          tenant, chunk_id, artifact_id, interaction_id, session_id, customer_key, modality, ordinal, author, text,
          place, confidence, event_time, chunker_version, active, activated_at, shown_in, hidden_in)
        select $1, piece.chunk_id, $3, interaction_id, session_id, customer_key, modality, piece.ordinal, author,
          piece.text, piece.place, piece.confidence, piece.event_time, $4,
          kept.state = 'active' or kept.shown_in is not null,
          case when kept.state = 'active' or kept.shown_in is not null then now() end,
          kept.shown_in, kept.hidden_in
        from admitted
        cross join kept
        cross join unnest($6::uuid[], $7::integer[], $8::text[], $9::jsonb[], $10::real[], $11::timestamptz[])
          as piece (chunk_id, ordinal, text, place, confidence, event_time)
        on conflict (tenant, chunk_id) do nothing
      ), traced as (
        insert into lineage_edge (
          tenant, from_id, to_id, from_kind, to_kind, interaction_id, customer_key, activity, model, model_version,
          parameters, code_version, workflow_id, run_id)
        select $1, interaction_id, $3, 'raw', 'artifact', interaction_id, customer_key, $5, model, model_version,
          parameters, code_version, workflow_id, run_id
        from admitted cross join kept
        union all
        select $1, $3, piece.chunk_id, 'artifact', 'chunk', interaction_id, customer_key, 'chunk', null, $4, '{}',
          code_version, workflow_id, run_id
        from admitted cross join kept cross join unnest($6) as piece (chunk_id)
        on conflict do nothing
      )
      select exists (select from admitted) as admitted, (select state from kept) as state`,
  };
  const { tenant, interactionId, artifactId, chunkerVersion, activity, chunks, eventTimes } = artifact;
  return only(
    await run<{ admitted: boolean; state: ArtifactState | null }>(db, statement, [
      tenant,
      interactionId,
      artifactId,
      chunkerVersion,
      activity,
      chunks.map(({ chunkId }) => chunkId),
      chunks.map(({ ordinal }) => ordinal),
      chunks.map(({ text }) => text),
      chunks.map(({ place }) => JSON.stringify(place)),
      chunks.map(({ confidence }) => confidence),
      eventTimes,
    ]),
  );
}
