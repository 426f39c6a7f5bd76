import { randomUUID } from 'node:crypto';
import { findRecord, type RecordRow } from '../db/artifacts.ts';
import { recordView, type Viewed } from '../db/media-views.ts';
import { findTombstone } from '../db/tombstones.ts';
import { EarshotError } from '../domain/errors.ts';
import { REDACT_MEDIA } from '../lineage/jobs.ts';
import { emptyNotes, withNotes } from '../lineage/run-notes.ts';
import { openObject, type MediaDependencies } from './dependencies.ts';
import { remakeRedactedMedia, type RemadeMedia } from './remake.ts';

/** Who wants to see which record. */
export interface Viewer {
  readonly tenant: string;
  readonly interactionId: string;
  readonly keyName: string;
}

/** Runs something that holds so many bytes in memory, or refuses to. */
export type Room = <T>(bytes: number, run: () => Promise<T>) => Promise<T>;

export interface ShownMedia {
  readonly bytes: Buffer;
  readonly mediaType: string;
}

/** Names the row that a reason is sealed into. */
export function viewContext(tenant: string, viewId: string): string {
  return `media-view/${tenant}/${viewId}`;
}

/**
 * The redacted copy, never the original. The view is logged before a byte leaves.
 *
 * @throws EarshotError `no_redacted_copy`, `not_found`, `erased`
 */
export async function showRedacted(
  deps: MediaDependencies,
  viewer: Viewer,
  room: Room,
  signal: AbortSignal,
): Promise<ShownMedia> {
  const { tenant, interactionId } = viewer;
  const { raw_bytes: rawBytes } = await requireRecord(deps, viewer);
  return room(rawBytes ?? 0, async () => {
    const media = await currentCopy(deps, tenant, interactionId, signal);
    const viewId = randomUUID();
    await logView(deps, viewer, { viewId, what: 'redacted', mediaId: media.media_id, sealedReason: null });
    const bytes = await openObject(deps, tenant, media.customer_key, media.sealed_object, signal);
    return { bytes, mediaType: media.media_type };
  });
}

/** A copy that has to be made for this view is told of as a run of its own. */
async function currentCopy(
  deps: MediaDependencies,
  tenant: string,
  interactionId: string,
  signal: AbortSignal,
): Promise<RemadeMedia> {
  const notes = emptyNotes();
  const startedAt = new Date();
  const nobody = { workflowId: null, runId: null };
  const media = await withNotes(notes, () => remakeRedactedMedia(deps, tenant, interactionId, nobody, signal));
  const { events } = deps.lineage;
  if (events !== undefined && notes.made.redacted_media !== undefined) {
    const run = { tenant, job: REDACT_MEDIA, jobName: 'redactMedia', runId: randomUUID() };
    deps.lineage.emit(tenant, events.started(run, startedAt), events.completed(run, notes));
  }
  return media;
}

/** The recording or picture as it was captured, for an auditor who says why. */
export async function showOriginal(
  deps: MediaDependencies,
  viewer: Viewer,
  reason: string,
  room: Room,
  signal: AbortSignal,
): Promise<ShownMedia> {
  const record = await requireRecord(deps, viewer);
  const { raw_object: key, raw_bytes: rawBytes, customer_key: customerKey } = record;
  if (key === null) throw new EarshotError('not_found', 'this record has no recording and no picture');
  return room(rawBytes ?? 0, async () => {
    await logOriginal(deps, viewer, record, 'original', reason);
    const bytes = await openObject(deps, viewer.tenant, customerKey, key, signal);
    return { bytes, mediaType: record.media_type };
  });
}

/** @throws EarshotError `not_found`, or `erased` for a record that is gone. */
export async function requireRecord(
  { database }: MediaDependencies,
  { tenant, interactionId }: Viewer,
): Promise<RecordRow> {
  const { app, reader } = database.forTenant(tenant);
  const record = await findRecord(app, tenant, interactionId);
  if (record !== undefined) return record;
  if ((await findTombstone(reader, tenant, interactionId)) === undefined) {
    throw new EarshotError('not_found', 'there is no such interaction');
  }
  throw new EarshotError('erased', 'this record was erased');
}

/** Logs a look at what was not redacted, with its reason under the record's own key. */
export async function logOriginal(
  deps: Pick<MediaDependencies, 'database' | 'keyRing'>,
  viewer: Viewer,
  { customer_key: customerKey, key_generation: generation }: Pick<RecordRow, 'customer_key' | 'key_generation'>,
  what: Exclude<Viewed, 'redacted'>,
  reason: string,
): Promise<void> {
  const { tenant } = viewer;
  const viewId = randomUUID();
  const owner = { tenant, customerKey, generation };
  const sealedReason = await deps.keyRing.sealUnder(owner, Buffer.from(reason), viewContext(tenant, viewId));
  await logView(deps, viewer, { viewId, what, mediaId: null, sealedReason });
}

interface View {
  readonly viewId: string;
  readonly what: Viewed;
  readonly mediaId: string | null;
  readonly sealedReason: Uint8Array | null;
}

async function logView(
  { database }: Pick<MediaDependencies, 'database'>,
  { tenant, interactionId, keyName }: Viewer,
  view: View,
) {
  const { app } = database.forTenant(tenant);
  const admitted = await recordView(app, { tenant, interactionId, viewedBy: keyName, ...view });
  if (!admitted) throw new EarshotError('erased', 'this record is being erased');
}
