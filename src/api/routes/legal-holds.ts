import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { listHolds, placeHold, releaseHold, type LegalHoldRow } from '../../db/legal-holds.ts';
import { ensureSubject } from '../../db/subjects.ts';
import { EarshotError } from '../../domain/errors.ts';
import { holdContext } from '../../erasure/request.ts';
import type { ApiDependencies } from '../dependencies.ts';
import { sealedGeneration } from '../../raw-store/envelope.ts';
import { route, type Caller } from '../route.ts';
import { externalId, time, uuid } from '../schemas.ts';

const params = z.object({ customerId: externalId });

const hold = z
  .object({
    holdId: uuid,
    customerKey: z.string(),
    reason: z.string(),
    placedBy: z.string(),
    placedAt: time,
    reviewAt: time.nullable(),
  })
  .openapi('LegalHold');

export const putHold = route({
  method: 'put',
  path: '/v1/customers/{customerId}/hold',
  scope: 'operator',
  summary:
    'Place a customer under a legal hold, with whose reason erasures are refused; one that stands stays as it is',
  params,
  body: z.strictObject({ reason: z.string().min(1).max(500), reviewAt: time.optional() }),
  status: 200,
  answer: hold,
  handle: async ({ deps, caller, params: { customerId }, body }) => {
    const customerKey = deps.ids.customerKey(caller.tenant, customerId);
    const reviewAt = body.reviewAt === undefined ? null : new Date(body.reviewAt);
    return describe(deps, caller.tenant, await place(deps, caller, customerKey, body.reason, reviewAt));
  },
});

/** Times that the data key may be replaced under a request: each time takes an erasure. */
const KEY_ATTEMPTS = 3;

async function place(
  deps: ApiDependencies,
  { tenant, keyName }: Caller,
  customerKey: string,
  reason: string,
  reviewAt: Date | null,
): Promise<LegalHoldRow> {
  const database = deps.database.forTenant(tenant);
  await ensureSubject(database.app, tenant, customerKey);
  for (let attempt = 1; attempt <= KEY_ATTEMPTS; attempt++) {
    const holdId = randomUUID();
    const sealedReason = await deps.keyRing.seal(tenant, customerKey, Buffer.from(reason), holdContext(tenant, holdId));
    const keyGeneration = sealedGeneration(sealedReason);
    const ids = { tenant, holdId, customerKey };
    const placed = await placeHold(database, { ...ids, sealedReason, keyGeneration, placedBy: keyName, reviewAt });
    if (placed === 'erasing') throw new EarshotError('conflict', 'an erasure of this customer is under way');
    if (placed !== 'stale_key') return placed;
    deps.keyRing.forget(tenant, customerKey);
  }
  throw new EarshotError('overloaded', 'the data key of this customer is being replaced; ask again');
}

export const deleteHold = route({
  method: 'delete',
  path: '/v1/customers/{customerId}/hold',
  scope: 'operator',
  summary: 'Release a legal hold; an erasure may then be asked for again',
  params,
  status: 200,
  answer: z.object({ released: z.boolean() }),
  handle: async ({ deps, caller: { tenant }, params: { customerId } }) => {
    const customerKey = deps.ids.customerKey(tenant, customerId);
    const released = await releaseHold(deps.database.forTenant(tenant).app, tenant, customerKey);
    if (!released) throw new EarshotError('not_found', 'there is no hold on this customer');
    return { released };
  },
});

const MAX_HOLDS = 1_000;

export const getHolds = route({
  method: 'get',
  path: '/v1/holds',
  scope: 'operator',
  summary: 'List the legal holds that stand',
  status: 200,
  answer: z.object({ holds: z.array(hold) }),
  handle: async ({ deps, caller: { tenant } }) => {
    const rows = await listHolds(deps.database.forTenant(tenant).reader, tenant, MAX_HOLDS);
    return { holds: await Promise.all(rows.map((row) => describe(deps, tenant, row))) };
  },
});

async function describe({ keyRing }: ApiDependencies, tenant: string, row: LegalHoldRow) {
  const context = holdContext(tenant, row.hold_id);
  return {
    holdId: row.hold_id,
    customerKey: row.customer_key,
    reason: (await keyRing.open(tenant, row.customer_key, row.sealed_reason, context)).toString(),
    placedBy: row.placed_by,
    placedAt: row.placed_at,
    reviewAt: row.review_at,
  };
}
