import { z } from 'zod';
import { findRetrieval } from '../../db/retrieval-log.ts';
import { EarshotError } from '../../domain/errors.ts';
import { queryContext } from '../../retrieval/record-answer.ts';
import { retrieve, type Question } from '../../retrieval/retrieve.ts';
import type { ApiDependencies } from '../dependencies.ts';
import { pastTime } from '../past-time.ts';
import { route, type Caller } from '../route.ts';
import { externalId, modality, place, stageTimes, time, uuid } from '../schemas.ts';

const hit = z
  .object({
    chunkId: uuid,
    text: z.string(),
    score: z.number(),
    ranks: z.object({ text: z.int().nullable(), vector: z.int().nullable() }),
    modality,
    interactionId: uuid,
    conversationId: z.string().nullable(),
    customerId: z.string(),
    author: z.string().nullable(),
    eventTime: time,
    capturedAt: time,
    acceptedAt: time,
    late: z.boolean(),
    place,
    confidence: z.number(),
    lineageId: uuid,
    models: z.record(z.string(), z.string()),
    degraded: z.array(z.string()),
    freshness: stageTimes,
    textReachableAt: time.nullable(),
    reachableAt: time.nullable(),
  })
  .openapi('Hit');

const pending = z
  .object({
    interactionId: uuid,
    modality,
    capturedAt: time,
    stage: z.enum(['accepted', 'recognising', 'indexing']),
    progress: z.object({ done: z.int(), total: z.int() }),
    etaSeconds: z.number().nullable(),
  })
  .openapi('Pending');

const asOf = z
  .object({ at: time, indexVersion: z.int(), model: z.string(), erased: z.int(), note: z.string() })
  .openapi('AsOf');

export const questionBody = z.strictObject({
  query: z
    .string()
    .max(4_000)
    .refine((query) => query.trim() !== '', 'must not be empty'),
  customerId: externalId.optional(),
  modalities: z.array(modality).min(1).optional(),
  from: time.optional(),
  to: time.optional(),
  minConfidence: z.number().min(0).max(1).default(0),
  k: z.int().min(1).max(50).default(8),
  mode: z.enum(['hybrid', 'vector', 'text']).default('hybrid'),
  asOf: time.optional(),
});

export const answerBody = z.object({
  results: z.array(hit),
  newestEventTime: time.nullable(),
  history: z.enum(['none', 'some']),
  pending: z.array(pending),
  degraded: z.array(z.string()),
  asOf: asOf.nullable(),
  retrievalId: uuid,
  tookMs: z.number(),
});

/** A question as a caller asks it. */
export function questionOf(
  deps: ApiDependencies,
  { tenant, keyName, canary }: Caller,
  body: z.output<typeof questionBody>,
): Question {
  return {
    tenant,
    canary,
    askedBy: keyName,
    query: body.query,
    customerKey: body.customerId === undefined ? null : deps.ids.customerKey(tenant, body.customerId),
    modalities: body.modalities ?? null,
    from: body.from === undefined ? null : new Date(body.from),
    to: body.to === undefined ? null : new Date(body.to),
    minConfidence: body.minConfidence,
    k: body.k,
    mode: body.mode,
    asOf: body.asOf === undefined ? null : pastTime('asOf', body.asOf),
  };
}

export const postRetrieve = route({
  method: 'post',
  path: '/v1/retrieve',
  scope: 'copilot',
  canaries: true,
  summary: 'Ask what is known, of one customer or of all',
  body: questionBody,
  status: 200,
  answer: answerBody,
  handle: ({ deps, caller, body }) => retrieve(deps, questionOf(deps, caller, body)),
});

export const getRetrieval = route({
  method: 'get',
  path: '/v1/retrievals/{retrievalId}',
  scope: 'operator',
  summary: 'See what a query got back, with the times from which each result was reachable',
  params: z.object({ retrievalId: uuid }),
  status: 200,
  answer: z.object({
    retrievalId: uuid,
    query: z.string().nullable(),
    mode: z.string(),
    indexVersion: z.int(),
    degraded: z.array(z.string()),
    tookMs: z.number(),
    askedAt: time,
    hits: z.array(z.looseObject({ position: z.int(), chunkId: uuid })),
  }),
  handle: async ({ deps, caller: { tenant }, params: { retrievalId } }) => {
    const row = await findRetrieval(deps.database.forTenant(tenant).reader, tenant, retrievalId);
    if (row === undefined) throw new EarshotError('not_found', 'no such retrieval was recorded');
    const { sealed_query: sealed, customer_key: customerKey } = row;
    const query =
      sealed === null || customerKey === null
        ? null
        : (await deps.keyRing.open(tenant, customerKey, sealed, queryContext(tenant, retrievalId))).toString();
    return {
      retrievalId,
      query,
      mode: row.mode,
      indexVersion: row.index_version,
      degraded: row.degraded,
      tookMs: row.took_ms,
      askedAt: row.asked_at,
      hits: row.hits,
    };
  },
});
