import { WorkflowUpdateFailedError } from '@temporalio/client';
import { z } from 'zod';
import { findCertificate, listCertificates } from '../../db/erasure-certificates.ts';
import { findErasure, listErasures, type ErasureRow } from '../../db/erasures.ts';
import { ERASURE_STATES, totalOf } from '../../domain/erasure.ts';
import { EarshotError } from '../../domain/errors.ts';
import { erasureWorkflowId } from '../../domain/workflows.ts';
import { openReason, personFreeReason, requestErasure, type RequestedErasure } from '../../erasure/request.ts';
import { errorForLog } from '../../observe/log.ts';
import { cancelByUpdate, startErasure, verifyAgain } from '../../temporal/start-erasure.ts';
import { nextCursor, pageAsked, pageOf, paging } from '../cursor.ts';
import type { ApiDependencies } from '../dependencies.ts';
import { route } from '../route.ts';
import { externalId, time, uuid } from '../schemas.ts';

const state = z.enum(ERASURE_STATES);
const counts = z.record(z.string(), z.int());

const requested = z
  .object({
    erasureId: uuid,
    workflowId: z.string(),
    state,
    eraseAfter: time,
    dueAt: time,
    erasedBefore: time.nullable(),
  })
  .openapi('RequestedErasure');

const certificate = z.looseObject({ statement: z.looseObject({}), hash: z.string(), signature: z.string() });

const erasure = requested
  .extend({
    scope: z.enum(['customer', 'retention']),
    reason: z.string().nullable(),
    requestedAt: time,
    completedAt: time.nullable(),
    step: z.string(),
    before: counts.nullable(),
    after: counts.nullable(),
    exceptions: z.array(z.object({ store: z.string(), what: z.string(), goneBy: time })),
  })
  .openapi('Erasure');

const MAX_BULK = 1_000;

export const postErasure = route({
  method: 'post',
  path: '/v1/erasures',
  scope: 'operator',
  summary: 'Forget one customer, or several, for good',
  body: z
    .strictObject({
      customerId: externalId.optional(),
      customerIds: z.array(externalId).min(1).max(MAX_BULK).optional(),
      reason: z.string().min(1).max(500),
    })
    .refine(({ customerId, customerIds }) => (customerId === undefined) !== (customerIds === undefined), {
      path: ['customerId'],
      message: 'give customerId or customerIds, one of the two',
    }),
  status: 202,
  answer: z.union([requested, z.object({ erasures: z.array(requested.extend({ refusal: z.string().nullable() })) })]),
  handle: async ({ deps, caller: { tenant }, body: { customerId, customerIds, reason } }) => {
    const ids = customerIds ?? [customerId!];
    const kept = personFreeReason(reason, ids);
    const all: RequestedErasure[] = [];
    for (const id of ids) all.push(await requestErasure(deps, tenant, id, kept));
    await startAll(deps, all);
    if (customerIds !== undefined) {
      return { erasures: all.map((each) => ({ ...describeRequest(each.row), refusal: each.holdReason })) };
    }
    const [only] = all;
    if (only!.row.state === 'refused') throw refusal(only!);
    return describeRequest(only!.row);
  },
});

/**
 * Starts the workflows. From the first that cannot be started on, they are left to the sweep: the requests are in the
 * ledger, the fences are up.
 */
async function startAll(deps: ApiDependencies, requests: readonly RequestedErasure[]): Promise<void> {
  for (const { row } of requests) {
    const { tenant, erasure_id: erasureId, state: reached } = row;
    if (reached !== 'scheduled' && reached !== 'running') continue;
    try {
      await startErasure(deps.temporal, { tenant, erasureId }, deps.dials.get('intake.ring_timeout_ms'));
    } catch (error) {
      deps.log.warn({ erasureId, ...errorForLog(error) }, 'erasures are left to the sweep');
      return;
    }
  }
}

function refusal({ holdReason }: RequestedErasure): EarshotError {
  return new EarshotError('legal_hold', 'the customer is under a legal hold; the request is in the ledger as refused', {
    fields: [{ field: 'customerId', message: `is under a legal hold: ${holdReason ?? 'released meanwhile'}` }],
  });
}

export const getErasures = route({
  method: 'get',
  path: '/v1/erasures',
  scope: 'operator',
  summary: 'List the ledger of erasures, newest first',
  query: z.object({ state: state.optional(), ...paging(200, 50) }),
  status: 200,
  answer: z.object({ erasures: z.array(erasure), nextCursor }),
  handle: async ({ deps, caller: { tenant }, query }) => {
    const { limit, after } = pageAsked(query);
    const wanted = (query['state'] ?? null) as ErasureRow['state'] | null;
    const { reader } = deps.database.forTenant(tenant);
    const rows = await listErasures(reader, tenant, wanted, after, limit + 1);
    const { page, nextCursor } = pageOf(rows, limit, (row) => ({ moment: row.moment, id: row.erasure_id }));
    return { erasures: page.map((row) => describe(deps, row)), nextCursor };
  },
});

export const getErasure = route({
  method: 'get',
  path: '/v1/erasures/{erasureId}',
  scope: 'operator',
  summary: 'See where an erasure stands, and its certificate at the end',
  params: z.object({ erasureId: uuid }),
  status: 200,
  answer: erasure.extend({ certificate: certificate.nullable() }),
  handle: async ({ deps, caller: { tenant }, params: { erasureId } }) => {
    const { reader } = deps.database.forTenant(tenant);
    const row = await findErasure(reader, tenant, erasureId);
    if (row === undefined) throw new EarshotError('not_found', 'there is no such erasure');
    const issued = row.state === 'completed' ? await findCertificate(reader, tenant, erasureId) : undefined;
    return {
      ...describe(deps, row),
      certificate: issued === undefined ? null : (JSON.parse(issued.certificate) as unknown),
    };
  },
});

/** How long a caller waits for a look into every store. */
const VERIFY_WITHIN_MS = 60_000;

export const postVerification = route({
  method: 'post',
  path: '/v1/erasures/{erasureId}/verify',
  scope: 'operator',
  summary: 'Look into every store once more for what an erasure should have taken',
  params: z.object({ erasureId: uuid }),
  status: 200,
  answer: z.object({ erasureId: uuid, at: time, clean: z.boolean(), found: counts }),
  handle: async ({ deps, caller: { tenant }, params: { erasureId } }) => {
    const row = await findErasure(deps.database.forTenant(tenant).reader, tenant, erasureId);
    if (row === undefined) throw new EarshotError('not_found', 'there is no such erasure');
    if (row.state !== 'completed') throw new EarshotError('conflict', 'the erasure is not completed');
    const found = await verifyAgain(deps.temporal, { tenant, erasureId }, VERIFY_WITHIN_MS).catch((error: unknown) => {
      throw new EarshotError('overloaded', 'the verification has not answered; ask again', { cause: error });
    });
    return { erasureId, at: new Date(), clean: totalOf(found) === 0, found };
  },
});

export const cancelErasure = route({
  method: 'post',
  path: '/v1/erasures/{erasureId}/cancel',
  scope: 'operator',
  summary: 'Cancel an erasure within its grace period',
  params: z.object({ erasureId: uuid }),
  status: 202,
  answer: z.object({ erasureId: uuid }),
  handle: async ({ deps, caller: { tenant }, params: { erasureId } }) => {
    const row = await findErasure(deps.database.forTenant(tenant).reader, tenant, erasureId);
    if (row === undefined) throw new EarshotError('not_found', 'there is no such erasure');
    if (row.state === 'cancelled') return { erasureId };
    if (row.state !== 'scheduled') throw tooLate();
    await cancelByUpdate(deps.temporal, erasureId, deps.dials.get('intake.ring_timeout_ms')).catch((error: unknown) => {
      if (error instanceof WorkflowUpdateFailedError) throw tooLate();
      throw new EarshotError('overloaded', 'the workflow of this erasure does not answer yet', { cause: error });
    });
    return { erasureId };
  },
});

function tooLate(): EarshotError {
  return new EarshotError('conflict', 'the erasure has begun and cannot be cancelled');
}

export const getCertificates = route({
  method: 'get',
  path: '/v1/erasure-certificates',
  scope: 'operator',
  summary: 'Read the chain of certificates, to be checked with npm run verify-certificate',
  query: z.object({
    after: z.coerce.number().int().min(0).default(0),
    limit: z.coerce.number().int().min(1).max(1_000).default(200),
  }),
  status: 200,
  answer: z.object({ publicKey: z.string(), certificates: z.array(certificate) }),
  handle: async ({ deps, caller: { tenant }, query }) => {
    const { reader } = deps.database.forTenant(tenant);
    const rows = await listCertificates(reader, tenant, Number(query['after']), Number(query['limit']));
    return {
      publicKey: deps.certificates.publicKey,
      certificates: rows.map((row) => JSON.parse(row.certificate) as unknown),
    };
  },
});

function describeRequest(row: ErasureRow) {
  return {
    erasureId: row.erasure_id,
    workflowId: erasureWorkflowId(row.erasure_id),
    state: row.state,
    eraseAfter: row.erase_after,
    dueAt: row.due_at,
    erasedBefore: row.erased_before,
  };
}

function describe(deps: ApiDependencies, row: ErasureRow) {
  const { before, after, exceptions } = row.report;
  return {
    ...describeRequest(row),
    scope: row.scope,
    reason: openReason(deps, row),
    requestedAt: row.requested_at,
    completedAt: row.completed_at,
    step: row.step,
    before: before ?? null,
    after: after ?? null,
    exceptions: exceptions ?? [],
  };
}
