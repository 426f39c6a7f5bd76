import {
  deleteCustomerRows,
  deleteRecords,
  destroyKeys as destroyKeyRows,
  FIRST_RECORD,
  markRecords as markRecordRows,
  recordsToErase,
  type CustomerErasure,
  type RecordCursor,
} from '../../src/db/erased-rows.ts';
import { addCounts, type ErasureRef, type StoreCounts } from '../../src/domain/erasure.ts';
import { pages } from '../../src/pages.ts';
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
  let records = 0;
  for await (const page of pagesOf(deps, erasure, signal)) {
    await markRecordRows(app, ref, page);
    records += page.length;
  }
  return { 'postgres.tombstone': records };
}

/** The ids of all records that the erasure takes, page by page. */
async function* pagesOf(
  deps: ActivityDependencies,
  erasure: CustomerErasure,
  signal: AbortSignal,
): AsyncGenerator<string[]> {
  const { app } = deps.database.forTenant(erasure.tenant);
  const limit = deps.dials.get('erasure.page_records');
  const read = (after: RecordCursor) => {
    signal.throwIfAborted();
    return recordsToErase(app, erasure, after, limit);
  };
  for await (const page of pages(FIRST_RECORD, (record: RecordCursor) => record, read)) {
    yield page.map(({ interaction_id }) => interaction_id);
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
  let deleted: StoreCounts = {};
  for await (const page of pagesOf(deps, erasure, signal)) {
    deleted = addCounts(deleted, await deleteRecords(database, page));
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
