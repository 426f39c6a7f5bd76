import { z } from 'zod';
import { inspectImage } from '../../media/inspect-image.ts';
import { acceptRecord } from '../accept.ts';
import { captureTime } from '../capture-time.ts';
import { route } from '../route.ts';
import { accepted, externalId, time } from '../schemas.ts';

/** Its text and its caption. */
const ARTIFACTS = 2;

export const postScreenshot = route({
  method: 'post',
  path: '/v1/screenshots',
  scope: 'channel',
  canaries: true,
  summary: 'Hand over a screenshot',
  upload: { file: 'image', maxBytes: ({ dials }) => dials.get('intake.image_max_bytes') },
  body: z.strictObject({
    screenshotId: externalId,
    customerId: externalId,
    capturedAt: time,
    conversationId: externalId.optional(),
  }),
  status: 202,
  answer: accepted,
  handle: async ({ deps, caller, body, file, idempotencyKey, bulk }) => {
    const { mediaType } = await inspectImage(file, deps.dials.get('intake.image_max_pixels'));
    return acceptRecord(deps, {
      tenant: caller.tenant,
      bulk,
      kind: 'screenshot',
      idempotencyKey: idempotencyKey ?? body.screenshotId,
      sessionName: body.screenshotId,
      payload: { channel: 'screenshot', ...body },
      capturedAt: captureTime(deps, 'metadata.capturedAt', body.capturedAt),
      media: { bytes: file, mediaType },
      piecesTotal: ARTIFACTS,
    });
  },
});
