import { z } from 'zod';
import { VERDICTS } from '../../domain/explanation.ts';
import type { KeyedIds } from '../../domain/ids.ts';
import { explainAnswer } from '../../retrieval/explain.ts';
import { pastTime } from '../past-time.ts';
import { route } from '../route.ts';
import { externalId, modality, stageTimes, time, uuid } from '../schemas.ts';

/** A record by the ids that its channel gave it, or by the Idempotency-Key that it was sent with. */
const recordName = z.union([
  z.strictObject({ conversationId: externalId, messageId: externalId }),
  z.strictObject({ callId: externalId, segment: z.int().min(0).max(100_000).optional() }),
  z.strictObject({ screenshotId: externalId }),
  z.strictObject({
    kind: z.enum(['message', 'recording', 'segment', 'screenshot']),
    idempotencyKey: z.string().min(1).max(200),
  }),
]);

/** The id that intake derives from the same names. */
function interactionIdOf(ids: KeyedIds, tenant: string, name: z.output<typeof recordName>): string {
  if ('messageId' in name) {
    return ids.interactionId(tenant, 'message', JSON.stringify([name.conversationId, name.messageId]));
  }
  if ('screenshotId' in name) return ids.interactionId(tenant, 'screenshot', name.screenshotId);
  if ('idempotencyKey' in name) return ids.interactionId(tenant, name.kind, name.idempotencyKey);
  if (name.segment === undefined) return ids.interactionId(tenant, 'recording', name.callId);
  return ids.interactionId(tenant, 'segment', JSON.stringify([name.callId, name.segment]));
}

const explained = z
  .object({
    interactionId: uuid,
    modality: modality.nullable(),
    capturedAt: time.nullable(),
    verdict: z.enum(VERDICTS),
    details: z.record(z.string(), z.unknown()),
    sentence: z.string(),
    stages: stageTimes.nullable(),
  })
  .openapi('ExplainedRecord');

export const postExplain = route({
  method: 'post',
  path: '/v1/explain',
  scope: 'copilot',
  summary: 'Ask why the copilot did not know: which stage or rule hid what a customer sent',
  body: z.strictObject({
    customerId: externalId,
    interactionId: uuid.optional(),
    record: recordName.optional(),
    retrievalId: uuid.optional(),
    query: z.string().trim().min(1).max(4_000).optional(),
    modalities: z.array(modality).min(1).optional(),
    from: time.optional(),
    to: time.optional(),
    minConfidence: z.number().min(0).max(1).default(0),
    k: z.int().min(1).max(50).default(8),
    mode: z.enum(['hybrid', 'vector', 'text']).default('hybrid'),
    asOf: time.optional(),
    limit: z.int().min(1).max(100).default(20),
  }),
  status: 200,
  answer: z.object({
    at: time,
    indexVersion: z.int(),
    model: z.string(),
    vectorsDropped: z.boolean(),
    question: z
      .object({ retrievalId: uuid.nullable(), mode: z.string(), k: z.int(), degraded: z.array(z.string()) })
      .nullable(),
    verdict: z.enum(VERDICTS),
    sentence: z.string(),
    records: z.array(explained),
    erasedSince: z.int().nullable(),
  }),
  handle: ({ deps, caller: { tenant }, body }) => {
    const { customerId, record, from, to, asOf, modalities, minConfidence, k, mode, limit } = body;
    return explainAnswer(deps, {
      tenant,
      customerKey: deps.ids.customerKey(tenant, customerId),
      interactionId: body.interactionId ?? (record === undefined ? null : interactionIdOf(deps.ids, tenant, record)),
      retrievalId: body.retrievalId ?? null,
      query: body.query ?? null,
      modalities: modalities ?? null,
      from: from === undefined ? null : new Date(from),
      to: to === undefined ? null : new Date(to),
      minConfidence,
      k,
      mode,
      asOf: asOf === undefined ? null : pastTime('asOf', asOf),
      limit,
    });
  },
});
