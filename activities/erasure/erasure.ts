import { findErasure, type ErasureRow } from '../../src/db/erasures.ts';
import type { CustomerErasure } from '../../src/db/erased-rows.ts';
import { NO_PROBES, type ErasureRef } from '../../src/domain/erasure.ts';
import { EarshotError } from '../../src/domain/errors.ts';
import type { ErasedSubject } from '../../src/verification/subject.ts';
import type { ActivityDependencies } from '../dependencies.ts';

/** @throws EarshotError `not_found` when the ledger, perhaps of a restored database, does not have it. */
export async function loadErasure(deps: ActivityDependencies, { tenant, erasureId }: ErasureRef): Promise<ErasureRow> {
  const row = await findErasure(deps.database.forTenant(tenant).app, tenant, erasureId);
  if (row === undefined) throw new EarshotError('not_found', `erasure ${erasureId} is not in the ledger`);
  return row;
}

/** Which records a running erasure takes. @throws EarshotError `conflict` before its fence is up. */
export async function loadFenced(deps: ActivityDependencies, ref: ErasureRef): Promise<CustomerErasure> {
  const row = await loadErasure(deps, ref);
  const { customer_key: customerKey, erased_before: erasedBefore, destroyed_generation: destroyedGeneration } = row;
  if (customerKey === null || erasedBefore === null || destroyedGeneration === null) {
    throw new EarshotError('conflict', `erasure ${ref.erasureId} has no fence`);
  }
  return { ...ref, customerKey, erasedBefore, destroyedGeneration };
}

/** The same, for the code that looks whether all is gone. */
export async function subjectOf(deps: ActivityDependencies, ref: ErasureRef): Promise<ErasedSubject> {
  const row = await loadErasure(deps, ref);
  return {
    tenant: ref.tenant,
    erasureId: ref.erasureId,
    customerKey: row.customer_key,
    destroyedGeneration: row.destroyed_generation ?? 0,
    erasedBefore: row.erased_before ?? row.requested_at,
    probes: row.report.probes ?? NO_PROBES,
  };
}
