import { pipeline } from 'node:stream/promises';
import { z } from 'zod';
import { listViews } from '../../db/media-views.ts';
import { inPieces } from '../../export/pieces.ts';
import { extensionOf } from '../../media/media-extension.ts';
import { originalText } from '../../redacted-media/original-text.ts';
import {
  requireRecord,
  showOriginal,
  showRedacted,
  viewContext,
  type Room,
  type ShownMedia,
} from '../../redacted-media/show.ts';
import type { ApiDependencies } from '../dependencies.ts';
import { route } from '../route.ts';
import { place, time, uuid } from '../schemas.ts';
import type { StreamedAnswer } from '../streamed-answer.ts';

/** How long the stores may take for a recording of hours. */
const STORES_WITHIN_MS = 60_000;

const params = z.object({ interactionId: uuid });
const reason = z.strictObject({
  reason: z
    .string()
    .max(500)
    .refine((text) => text.trim() !== '', 'must say why the original is needed'),
});
const ANY_MEDIA = { mediaType: '*/*' };

export const getMedia = route({
  method: 'get',
  path: '/v1/interactions/{interactionId}/media',
  scope: 'copilot',
  summary: 'Get a recording or picture with personal data silenced or masked; the view is logged',
  params,
  status: 200,
  answer: ANY_MEDIA,
  handle: async ({ deps, caller, params: { interactionId } }) => {
    const viewer = { ...caller, interactionId };
    return streamed(
      'redacted',
      interactionId,
      await showRedacted(deps, viewer, roomIn(deps, caller.tenant), deadline()),
    );
  },
});

export const postOriginalMedia = route({
  method: 'post',
  path: '/v1/interactions/{interactionId}/original-media',
  scope: 'auditor',
  summary: 'See a recording or picture as it was captured; the view is logged with its reason',
  params,
  body: reason,
  status: 200,
  answer: ANY_MEDIA,
  handle: async ({ deps, caller, params: { interactionId }, body }) => {
    const viewer = { ...caller, interactionId };
    return streamed(
      'original',
      interactionId,
      await showOriginal(deps, viewer, body.reason, roomIn(deps, caller.tenant), deadline()),
    );
  },
});

export const postOriginalText = route({
  method: 'post',
  path: '/v1/interactions/{interactionId}/original-text',
  scope: 'auditor',
  summary: 'Read what was typed, said or shown before redaction; the view is logged with its reason',
  params,
  body: reason,
  status: 200,
  answer: z.object({ interactionId: uuid, passages: z.array(z.object({ text: z.string(), place })) }),
  handle: async ({ deps, caller, params: { interactionId }, body }) => ({
    interactionId,
    passages: await originalText(deps, { ...caller, interactionId }, body.reason, deadline()),
  }),
});

/** A record that is looked at more often than this is looked at by a program. */
const LISTED_VIEWS = 1_000;

export const getViews = route({
  method: 'get',
  path: '/v1/interactions/{interactionId}/views',
  scope: 'auditor',
  summary: 'See who has seen the media or the original text of a record, latest first',
  params,
  status: 200,
  answer: z.object({
    views: z.array(
      z.object({
        viewId: uuid,
        viewedAt: time,
        viewedBy: z.string(),
        what: z.enum(['redacted', 'original', 'original_text']),
        reason: z.string().nullable(),
        mediaId: uuid.nullable(),
        redactorVersion: z.string().nullable(),
      }),
    ),
  }),
  handle: async ({ deps, caller, params: { interactionId } }) => {
    const { tenant } = caller;
    await requireRecord(deps, { ...caller, interactionId });
    const rows = await listViews(deps.database.forTenant(tenant).reader, tenant, interactionId, LISTED_VIEWS);
    const views = rows.map(async (row) => ({
      viewId: row.view_id,
      viewedAt: row.viewed_at,
      viewedBy: row.viewed_by,
      what: row.what,
      reason: await openReason(deps, tenant, row.customer_key, row.view_id, row.sealed_reason),
      mediaId: row.media_id,
      redactorVersion: row.redactor_version,
    }));
    return { views: await Promise.all(views) };
  },
});

async function openReason(
  { keyRing }: ApiDependencies,
  tenant: string,
  customerKey: string,
  viewId: string,
  sealed: Buffer | null,
): Promise<string | null> {
  if (sealed === null) return null;
  return (await keyRing.open(tenant, customerKey, sealed, viewContext(tenant, viewId))).toString();
}

const deadline = () => AbortSignal.timeout(STORES_WITHIN_MS);

/** Media are whole in memory while they are opened, as uploads are while they are sealed. */
function roomIn({ uploads }: ApiDependencies, tenant: string): Room {
  return (bytes, run) => uploads.use(tenant, bytes, run);
}

function streamed(what: string, interactionId: string, { bytes, mediaType }: ShownMedia): StreamedAnswer {
  return {
    mediaType,
    fileName: `${what}-${interactionId}.${extensionOf(mediaType)}`,
    write: (output) => pipeline(inPieces(bytes), output),
  };
}
