import { z } from 'zod';
import { customerCorpus, listCustomerRecords, type CustomerRecordRow } from '../../db/customer-records.ts';
import { stampsOf } from '../../db/stamps.ts';
import { stageTimes as stagesOf } from '../../domain/freshness.ts';
import { nextCursor, pageAsked, pageOf, paging } from '../cursor.ts';
import { route } from '../route.ts';
import { externalId, modality, stageTimes, state, time, uuid } from '../schemas.ts';

const customerRecord = z
  .object({
    interactionId: uuid,
    modality,
    state,
    /** How far it is: taken in, recognised, embedded, or found by the read path. */
    stage: z.enum(['accepted', 'recognising', 'indexing', 'done']),
    reason: z.string().nullable(),
    degraded: z.array(z.string()),
    stamps: z.record(z.string(), time.nullable()),
    stages: stageTimes,
  })
  .openapi('CustomerRecord');

export const getCustomerRecords = route({
  method: 'get',
  path: '/v1/customers/{customerId}/records',
  scope: 'copilot',
  summary: 'List where each record of a customer stands, newest first',
  params: z.object({ customerId: externalId }),
  query: z.object(paging(500, 50)),
  status: 200,
  answer: z.object({
    records: z.array(customerRecord),
    nextCursor,
    corpus: z.object({
      records: z.int(),
      waiting: z.int(),
      lastCapturedAt: time.nullable(),
      lastReachableAt: time.nullable(),
    }),
  }),
  handle: async ({ deps, caller: { tenant }, params: { customerId }, query }) => {
    const { limit, after } = pageAsked(query);
    const customerKey = deps.ids.customerKey(tenant, customerId);
    const { reader } = deps.database.forTenant(tenant);
    const before = after === null ? null : { captured_at: after.moment, interaction_id: after.id };
    const [rows, corpus] = await Promise.all([
      listCustomerRecords(reader, tenant, customerKey, before, limit + 1),
      customerCorpus(reader, tenant, customerKey),
    ]);
    const { page, nextCursor } = pageOf(rows, limit, (row) => ({ moment: row.captured_text, id: row.interaction_id }));
    return {
      records: page.map(describeRecord),
      nextCursor,
      corpus: {
        records: corpus.records,
        waiting: corpus.waiting,
        lastCapturedAt: corpus.last_captured_at,
        lastReachableAt: corpus.last_reachable_at,
      },
    };
  },
});

function describeRecord(row: CustomerRecordRow) {
  const stamps = stampsOf(row);
  return {
    interactionId: row.interaction_id,
    modality: row.modality,
    state: row.state,
    stage: stageOf(row),
    reason: row.reason,
    degraded: row.degraded,
    stamps,
    stages: stagesOf(stamps),
  };
}

function stageOf(row: CustomerRecordRow): 'accepted' | 'recognising' | 'indexing' | 'done' {
  if (row.state !== 'accepted' && row.state !== 'processing') return 'done';
  if (row.text_reachable_at !== null) return 'indexing';
  return row.state === 'accepted' ? 'accepted' : 'recognising';
}
