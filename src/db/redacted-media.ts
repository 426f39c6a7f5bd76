import { run, type Queryable, type TenantDatabase } from './pools.ts';
import { lockRecord } from './record-lock.ts';

/** A model's answer about a record, from which its values' places are known. */
export interface KeptAnswer {
  readonly sealedObject: string;
  readonly piece: number;
  readonly model: string;
  /** `active`: its text is served. Others tell values all the same, but do not vouch for the rest. */
  readonly state: string;
  readonly parameters: Readonly<Record<string, unknown>>;
}

/** The redacted copy that is handed out. */
export interface RedactedMediaRow {
  readonly media_id: string;
  readonly sealed_object: string;
  readonly media_type: string;
  readonly bytes: number;
}

/** A record with media, as the maker of its redacted copy needs it. */
export interface MediaRecord {
  readonly interaction_id: string;
  readonly customer_key: string;
  readonly key_generation: number;
  readonly segment_index: number | null;
  readonly raw_object: string | null;
  readonly raw_bytes: number | null;
  readonly media_type: string;
  readonly duration_ms: number | null;
  readonly answers: readonly KeptAnswer[];
  readonly current: RedactedMediaRow | null;
}

/** Captions have no places, and what was discarded or never recognised no answer. */
export async function findMediaRecord(
  db: Queryable,
  tenant: string,
  interactionId: string,
): Promise<MediaRecord | undefined> {
  const statement = {
    name: 'find_media_record',
    text: `
      select
        i.interaction_id, i.customer_key, i.key_generation, i.segment_index, i.raw_object, i.raw_bytes::integer,
        i.media_type, i.duration_ms,
        coalesce((
          select jsonb_agg(jsonb_build_object(
            'sealedObject', a.sealed_object, 'piece', a.piece, 'model', a.model, 'state', a.state,
            'parameters', a.parameters) order by a.piece, a.created_at, a.artifact_id)
          from artifact a
          where a.tenant = i.tenant and a.interaction_id = i.interaction_id
            and a.kind in ('transcript', 'screen_text') and a.sealed_object is not null and a.state <> 'discarded'
        ), '[]') as answers,
        (
          select jsonb_build_object(
            'media_id', m.media_id, 'sealed_object', m.sealed_object, 'media_type', m.media_type, 'bytes', m.bytes)
          from redacted_media m
          where m.tenant = i.tenant and m.interaction_id = i.interaction_id and m.state = 'active'
        ) as current
      from interaction i
      where i.tenant = $1 and i.interaction_id = $2::uuid`,
  };
  return (await run<MediaRecord>(db, statement, [tenant, interactionId]))[0];
}

export interface NewRedactedMedia {
  readonly mediaId: string;
  readonly interactionId: string;
  readonly kind: 'redacted_sound' | 'redacted_picture';
  readonly redactorVersion: string;
  readonly maskerVersion: string;
  readonly parameters: Readonly<Record<string, unknown>>;
  readonly hidden: readonly object[];
  readonly mediaType: string;
  readonly bytes: number;
  readonly sealedObject: string;
  readonly codeVersion: string;
  readonly workflowId: string | null;
  readonly runId: string | null;
}

/**
 * Puts a redacted copy in the place of the one before it, with its lineage, in one transaction, unless the record was
 * erased. The record's lock makes two makers take turns. Run again, it changes nothing.
 *
 * @returns objects that nothing names any more, or undefined when the fence refused.
 */
export async function storeRedactedMedia(
  database: TenantDatabase,
  media: NewRedactedMedia,
): Promise<string[] | undefined> {
  const { tenant } = database;
  return database.transaction(async (transaction) => {
    if (!(await lockRecord(transaction, tenant, media.interactionId))) return undefined;
    const replaced = await supersede(transaction, tenant, media);
    await insertMedia(transaction, tenant, media);
    return replaced;
  });
}

async function supersede(transaction: Queryable, tenant: string, media: NewRedactedMedia): Promise<string[]> {
  const statement = {
    name: 'supersede_redacted_media',
    text: `
      with replaced as (
        select media_id, sealed_object
        from redacted_media
        where tenant = $1 and interaction_id = $2::uuid and state = 'active' and media_id <> $3::uuid
      ), superseded as (
        update redacted_media m set state = 'superseded', sealed_object = null, superseded_at = clock_timestamp()
        from replaced
        where m.tenant = $1 and m.media_id = replaced.media_id
      )
      select sealed_object from replaced`,
  };
  const values = [tenant, media.interactionId, media.mediaId];
  const rows = await run<{ sealed_object: string }>(transaction, statement, values);
  return rows.map(({ sealed_object }) => sealed_object);
}

/** A copy that was superseded comes back when what decided it does, a margin that was moved to and fro for example. */
async function insertMedia(transaction: Queryable, tenant: string, media: NewRedactedMedia): Promise<void> {
  const statement = {
    name: 'insert_redacted_media',
    text: `
      with written as (
        insert into redacted_media as m (
          tenant, media_id, interaction_id, customer_key, kind, state, redactor_version, parameters, hidden, media_type,
          bytes, sealed_object, code_version, workflow_id, run_id)
        select $1, $2::uuid, interaction_id, customer_key, $4, 'active', $5, $6::jsonb, $7::jsonb, $8, $9::bigint, $10,
          $11, $12, $13
        from interaction
        where tenant = $1 and interaction_id = $3::uuid
        on conflict (tenant, media_id) do update
          set state = 'active', sealed_object = excluded.sealed_object, bytes = excluded.bytes, superseded_at = null
          where m.state = 'superseded'
      )
      insert into lineage_edge (
        tenant, from_id, to_id, from_kind, to_kind, interaction_id, customer_key, activity, model, model_version,
        parameters, code_version, workflow_id, run_id)
      select $1, interaction_id, $2, 'raw', 'artifact', interaction_id, customer_key, $4, $14, $5, $6, $11, $12, $13
      from interaction
      where tenant = $1 and interaction_id = $3
      on conflict do nothing`,
  };
  await run(transaction, statement, [
    tenant,
    media.mediaId,
    media.interactionId,
    media.kind,
    media.redactorVersion,
    JSON.stringify(media.parameters),
    JSON.stringify(media.hidden),
    media.mediaType,
    media.bytes,
    media.sealedObject,
    media.codeVersion,
    media.workflowId,
    media.runId,
    media.maskerVersion,
  ]);
}
