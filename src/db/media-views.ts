import { admits, fenceOfRecord } from './fence.ts';
import { run, type Queryable } from './pools.ts';

export type Viewed = 'redacted' | 'original' | 'original_text';

export interface NewMediaView {
  readonly tenant: string;
  readonly viewId: string;
  readonly interactionId: string;
  /** Name of the API key. */
  readonly viewedBy: string;
  readonly what: Viewed;
  /** The redacted copy; null for originals. */
  readonly mediaId: string | null;
  /** Why an original is looked at; null for redacted copies. */
  readonly sealedReason: Uint8Array | null;
}

/**
 * Logs that somebody is about to see a record's media. Answers false, and logs nothing, when the record's customer was
 * erased meanwhile: then nothing may be shown.
 */
export async function recordView(db: Queryable, view: NewMediaView): Promise<boolean> {
  const statement = {
    name: 'record_media_view',
    text: `
      with ${fenceOfRecord('$3')}, admitted as (
        select record.*
        from record, fence
        where ${admits('record')}
      )
      insert into media_view (
        tenant, view_id, interaction_id, customer_key, viewed_by, what, media_id, sealed_reason)
      select $1, $2::uuid, interaction_id, customer_key, $4, $5, $6::uuid, $7::bytea
      from admitted
      returning view_id`,
  };
  const { tenant, viewId, interactionId, viewedBy, what, mediaId, sealedReason } = view;
  const rows = await run(db, statement, [tenant, viewId, interactionId, viewedBy, what, mediaId, sealedReason]);
  return rows.length > 0;
}

export interface MediaViewRow {
  readonly view_id: string;
  readonly customer_key: string;
  readonly viewed_by: string;
  readonly what: Viewed;
  readonly media_id: string | null;
  /** Of the redacted copy that was shown. */
  readonly redactor_version: string | null;
  readonly sealed_reason: Buffer | null;
  readonly viewed_at: Date;
}

/** Who has seen a record's media, latest first. */
export async function listViews(
  reader: Queryable,
  tenant: string,
  interactionId: string,
  limit: number,
): Promise<MediaViewRow[]> {
  const statement = {
    name: 'list_media_views',
    text: `
      select v.view_id, v.customer_key, v.viewed_by, v.what, v.media_id, m.redactor_version, v.sealed_reason, v.viewed_at
      from media_view v
      left join redacted_media m on m.tenant = v.tenant and m.media_id = v.media_id
      where v.tenant = $1 and v.interaction_id = $2::uuid
      order by v.viewed_at desc, v.view_id
      limit $3`,
  };
  return run<MediaViewRow>(reader, statement, [tenant, interactionId, limit]);
}
