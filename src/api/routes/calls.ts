import { z } from 'zod';
import { endCall } from '../../db/sessions.ts';
import { EarshotError, invalidField } from '../../domain/errors.ts';
import { inspectAudio } from '../../media/inspect-audio.ts';
import { acceptRecord } from '../accept.ts';
import { captureTime } from '../capture-time.ts';
import { ringNow } from '../ring-now.ts';
import { route, type Upload } from '../route.ts';
import { accepted, externalId, time } from '../schemas.ts';

const audio: Upload = { file: 'audio', maxBytes: ({ dials }) => dials.get('intake.audio_max_bytes') };
const params = z.object({ callId: externalId });

export const postCall = route({
  method: 'post',
  path: '/v1/calls',
  scope: 'channel',
  canaries: true,
  summary: 'Hand over the whole recording of a call',
  upload: audio,
  body: z.strictObject({
    callId: externalId,
    customerId: externalId,
    startedAt: time,
    endedAt: time.optional(),
    agentId: externalId.optional(),
  }),
  status: 202,
  answer: accepted,
  handle: async ({ deps, caller, body, file, idempotencyKey, bulk }) => {
    const facts = await inspectAudio(file, deps.dials.get('intake.audio_max_duration_ms'));
    const startedAt = captureTime(deps, 'metadata.startedAt', body.startedAt);
    const endedAt = new Date(body.endedAt ?? startedAt.getTime() + facts.durationMs);
    checkOrder(startedAt, captureTime(deps, 'metadata.endedAt', endedAt.toISOString()));
    return acceptRecord(deps, {
      tenant: caller.tenant,
      bulk,
      kind: 'recording',
      idempotencyKey: idempotencyKey ?? body.callId,
      sessionName: body.callId,
      payload: { channel: 'call', ...body, endedAt: endedAt.toISOString() },
      startedAt,
      capturedAt: endedAt,
      media: { bytes: file, ...facts },
      sessionEndedAt: endedAt,
      piecesTotal: 1,
    });
  },
});

export const postSegment = route({
  method: 'post',
  path: '/v1/calls/{callId}/segments',
  scope: 'channel',
  summary: 'Hand over a segment of a call that goes on',
  params,
  upload: audio,
  body: z.strictObject({
    customerId: externalId,
    index: z.int().min(0).max(100_000),
    startedAt: time,
    endedAt: time,
  }),
  status: 202,
  answer: accepted,
  handle: async ({ deps, caller, params: { callId }, body, file, idempotencyKey, bulk }) => {
    const facts = await inspectAudio(file, deps.dials.get('intake.audio_max_duration_ms'));
    const startedAt = captureTime(deps, 'metadata.startedAt', body.startedAt);
    const endedAt = captureTime(deps, 'metadata.endedAt', body.endedAt);
    checkOrder(startedAt, endedAt);
    const { index, customerId } = body;
    return acceptRecord(deps, {
      tenant: caller.tenant,
      bulk,
      kind: 'segment',
      idempotencyKey: idempotencyKey ?? JSON.stringify([callId, index]),
      sessionName: callId,
      payload: { channel: 'call', callId, customerId, startedAt: body.startedAt, endedAt: body.endedAt },
      startedAt,
      capturedAt: endedAt,
      segmentIndex: index,
      media: { bytes: file, ...facts },
      piecesTotal: 1,
    });
  },
});

export const postCallEnd = route({
  method: 'post',
  path: '/v1/calls/{callId}/end',
  scope: 'channel',
  summary: 'Say that a call has ended and how many segments it had',
  params,
  body: z.strictObject({ endedAt: time, segments: z.int().min(0).max(100_000) }),
  status: 202,
  answer: z.object({ workflowId: z.string() }),
  handle: async ({ deps, caller: { tenant }, params: { callId }, body }) => {
    const sessionId = deps.ids.sessionId(tenant, 'call', callId);
    const result = await endCall(deps.database.forTenant(tenant).app, {
      tenant,
      sessionId,
      endedAt: captureTime(deps, 'endedAt', body.endedAt),
      expectedSegments: body.segments,
      ringAfterMs: deps.dials.get('sweep.ring_after_ms'),
    });
    if (result.outcome === 'unknown') throw new EarshotError('not_found', 'no segment of this call was accepted');
    if (result.outcome === 'conflict') throw new EarshotError('conflict', 'this call has another end');
    const { channel, customer_key: customerKey, workflow_id: workflowId } = result.session;
    await ringNow(deps, { tenant, sessionId, channel, customerKey, workflowId });
    return { workflowId };
  },
});

function checkOrder(startedAt: Date, endedAt: Date): void {
  if (endedAt < startedAt) throw invalidField('metadata.endedAt', 'lies before startedAt');
}
