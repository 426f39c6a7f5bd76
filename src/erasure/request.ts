import { randomUUID } from 'node:crypto';
import { requestErasure as writeRequest, type ErasureRow } from '../db/erasures.ts';
import { ensureSubject } from '../db/subjects.ts';
import { findHold } from '../db/legal-holds.ts';
import type { Database } from '../db/pools.ts';
import type { DialReader } from '../dial-reader.ts';
import { invalidField } from '../domain/errors.ts';
import { redactPassages } from '../domain/redact-passages.ts';
import type { KeyedIds } from '../domain/ids.ts';
import type { KeyRing } from '../raw-store/key-ring.ts';

export interface ErasureRequestDependencies {
  readonly database: Database;
  readonly dials: DialReader;
  readonly ids: KeyedIds;
  readonly keyRing: KeyRing;
}

/** A request as it was written down, and the reason of the hold that refused it. */
export interface RequestedErasure {
  readonly row: ErasureRow;
  readonly holdReason: string | null;
}

/** How long the API has to start an erasure's workflow before the sweep does. */
const START_AFTER_MS = 15_000;

/** Writes a request into the ledger; with no grace period the fence is up when this returns. */
export async function requestErasure(
  deps: ErasureRequestDependencies,
  tenant: string,
  customerId: string,
  reason: string,
): Promise<RequestedErasure> {
  const customerKey = deps.ids.customerKey(tenant, customerId);
  const database = deps.database.forTenant(tenant);
  const erasureId = randomUUID();
  await ensureSubject(database.app, tenant, customerKey);
  const row = await writeRequest(database, {
    tenant,
    erasureId,
    customerKey,
    sealedReason: deps.keyRing.sealForOperators(Buffer.from(reason), reasonContext(tenant, erasureId)),
    graceMs: deps.dials.get('erasure.grace_ms'),
    deadlineMs: deps.dials.get('erasure.deadline_ms'),
    startAfterMs: START_AFTER_MS,
  });
  deps.keyRing.forget(tenant, customerKey);
  return { row, holdReason: row.state === 'refused' ? await openHoldReason(deps, tenant, customerKey) : null };
}

/**
 * The reason outlives the customer's data, so it must not say who that was.
 *
 * @throws EarshotError `invalid_request` when it has the customer's id in it.
 */
export function personFreeReason(reason: string, customerIds: readonly string[]): string {
  const words = reason.toLowerCase();
  if (customerIds.some((id) => id.length >= 4 && words.includes(id.toLowerCase()))) {
    throw invalidField('reason', 'must not name the customer: it is kept');
  }
  const passage = { text: reason, place: { kind: 'message' } as const, confidence: 1 };
  return redactPassages([passage])
    .passages.map(({ text }) => text)
    .join(' ');
}

export function openReason({ keyRing }: Pick<ErasureRequestDependencies, 'keyRing'>, row: ErasureRow): string | null {
  const { tenant, erasure_id: erasureId, sealed_reason: sealed } = row;
  return sealed === null ? null : keyRing.openForOperators(sealed, reasonContext(tenant, erasureId)).toString();
}

function reasonContext(tenant: string, erasureId: string): string {
  return `erasure/${tenant}/${erasureId}/reason`;
}

/** Names the row that a hold's reason is sealed into. */
export function holdContext(tenant: string, holdId: string): string {
  return `legal-hold/${tenant}/${holdId}`;
}

async function openHoldReason(
  { database, keyRing }: ErasureRequestDependencies,
  tenant: string,
  customerKey: string,
): Promise<string | null> {
  const hold = await findHold(database.forTenant(tenant).app, tenant, customerKey);
  if (hold === undefined) return null;
  return (await keyRing.open(tenant, customerKey, hold.sealed_reason, holdContext(tenant, hold.hold_id))).toString();
}
