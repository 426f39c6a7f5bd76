import {
  deleteCustomerRows,
  deleteRecords,
  destroyKeys as destroyKeyRows,
  erasedRecords,
  markCustomerRecords,
} from '../../src/db/erased-rows.ts';
import { addCounts, type ErasureRef, type StoreCounts } from '../../src/domain/erasure.ts';
import { customerPrefix, generationOf } from '../../src/raw-store/object-key.ts';
import type { ActivityDependencies } from '../dependencies.ts';
import { beat } from '../heartbeat.ts';
import { loadFenced } from './erasure.ts';

/** Writes a tombstone for each record, page by page. */
export async function markRecords(
  deps: ActivityDependencies,
  ref: ErasureRef,
  signal: AbortSignal,
): Promise<StoreCounts> {
  const erasure = await loadFenced(deps, ref);
  const { app } = deps.database.forTenant(ref.tenant);
  const limit = deps.dials.get('erasure.page_records');
  let records = 0;
  for (;;) {
    signal.throwIfAborted();
    const marked = await markCustomerRecords(app, erasure, limit);
    if (marked === 0) return { 'postgres.tombstone': records };
    records += marked;
    beat();
  }
}

/** From here on nothing that was sealed for this customer can be read, wherever a copy lies. */
export async function destroyKeys(deps: ActivityDependencies, ref: ErasureRef): Promise<StoreCounts> {
  const erasure = await loadFenced(deps, ref);
  const destroyed = await destroyKeyRows(deps.database.forTenant(ref.tenant).app, erasure);
  deps.keyRing.forgetKeys(ref.tenant, erasure.customerKey, erasure.destroyedGeneration);
  return { 'postgres.data_key': destroyed };
}

/** Deletes the rows, a page of records in a transaction of its own: no lock is held for long. */
export async function deleteRows(
  deps: ActivityDependencies,
  ref: ErasureRef,
  signal: AbortSignal,
): Promise<StoreCounts> {
  const erasure = await loadFenced(deps, ref);
  const database = deps.database.forTenant(ref.tenant);
  const limit = deps.dials.get('erasure.page_records');
  let deleted: StoreCounts = {};
  let after: string | null = null;
  for (;;) {
    signal.throwIfAborted();
    const page: string[] = await erasedRecords(database.app, ref.tenant, ref.erasureId, after, limit);
    if (page.length === 0) break;
    deleted = addCounts(deleted, await deleteRecords(database, page));
    after = page.at(-1)!;
    beat();
  }
  return addCounts(deleted, await deleteCustomerRows(database.app, erasure));
}

/** Deletes every version of every object that a destroyed key sealed, also those that no row names. */
export async function deleteObjects(
  deps: ActivityDependencies,
  ref: ErasureRef,
  signal: AbortSignal,
): Promise<StoreCounts> {
  const { tenant, customerKey, destroyedGeneration } = await loadFenced(deps, ref);
  const deleted = await deps.rawStore.deleteAll(
    {
      prefix: customerPrefix(tenant, customerKey),
      keep: (key) => (generationOf(key) ?? 0) > destroyedGeneration,
      progress: beat,
    },
    signal,
  );
  return { 'raw.versions': deleted };
}
