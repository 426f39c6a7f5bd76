import { z } from 'zod';
import { chunkLineage } from '../../db/records.ts';
import { findRetrieval } from '../../db/retrieval-log.ts';
import { EarshotError } from '../../domain/errors.ts';
import { queryContext } from '../../retrieval/record-answer.ts';
import { retrieve } from '../../retrieval/retrieve.ts';
import { route } from '../route.ts';
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

export const postRetrieve = route({
  method: 'post',
  path: '/v1/retrieve',
  scope: 'copilot',
  summary: 'Ask what is known, of one customer or of all',
  body: z.strictObject({
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
  }),
  status: 200,
  answer: z.object({
    results: z.array(hit),
    newestEventTime: time.nullable(),
    history: z.enum(['none', 'some']),
    pending: z.array(pending),
    degraded: z.array(z.string()),
    retrievalId: uuid,
    tookMs: z.number(),
  }),
  handle: ({ deps, caller: { tenant }, body }) =>
    retrieve(deps, {
      tenant,
      query: body.query,
      customerKey: body.customerId === undefined ? null : deps.ids.customerKey(tenant, body.customerId),
      modalities: body.modalities ?? null,
      from: body.from === undefined ? null : new Date(body.from),
      to: body.to === undefined ? null : new Date(body.to),
      minConfidence: body.minConfidence,
      k: body.k,
      mode: body.mode,
    }),
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

const node = z.object({
  id: uuid,
  kind: z.enum(['raw', 'artifact', 'chunk', 'embedding']),
  rawObject: z.string().nullable(),
});
const edge = z.object({
  from: uuid,
  to: uuid,
  activity: z.string(),
  model: z.string().nullable(),
  modelVersion: z.string().nullable(),
  parameters: z.record(z.string(), z.unknown()),
  codeVersion: z.string(),
  workflowId: z.string().nullable(),
  runId: z.string().nullable(),
  at: time,
});

export const getLineage = route({
  method: 'get',
  path: '/v1/chunks/{chunkId}/lineage',
  scope: 'copilot',
  summary: 'Walk from a chunk back to its raw record and on to its vectors',
  params: z.object({ chunkId: uuid }),
  status: 200,
  answer: z.object({ nodes: z.array(node), edges: z.array(edge) }),
  handle: async ({ deps, caller: { tenant }, params: { chunkId } }) => {
    const rows = await chunkLineage(deps.database.forTenant(tenant).reader, tenant, chunkId);
    if (rows.length === 0) throw new EarshotError('not_found', 'there is no such chunk');
    const nodes = new Map(
      rows.flatMap((row) => [
        [
          row.from_id,
          { id: row.from_id, kind: row.from_kind, rawObject: row.from_kind === 'raw' ? row.raw_object : null },
        ],
        [row.to_id, { id: row.to_id, kind: row.to_kind, rawObject: null }],
      ]),
    );
    const edges = rows.map((row) => ({
      from: row.from_id,
      to: row.to_id,
      activity: row.activity,
      model: row.model,
      modelVersion: row.model_version,
      parameters: row.parameters,
      codeVersion: row.code_version,
      workflowId: row.workflow_id,
      runId: row.run_id,
      at: row.created_at,
    }));
    return { nodes: [...nodes.values()], edges };
  },
});
