import { Context } from '@temporalio/activity';
import { deleteRecords, FIRST_RECORD, markRecords } from '../../src/db/erased-rows.ts';
import { noteStep } from '../../src/db/erasures.ts';
import {
  deleteEmptySessions,
  deleteOldRetrievals,
  expiredRecords,
  openRetentionErasure,
  type ExpiredRecord,
  type RetentionLimits,
} from '../../src/db/expired-records.ts';
import { listTenants } from '../../src/db/subjects.ts';
import { addCounts, totalOf, type ErasureRef, type StoreCounts } from '../../src/domain/erasure.ts';
import { EarshotError } from '../../src/domain/errors.ts';
import { retentionErasureId } from '../../src/domain/ids.ts';
import { eachOf } from '../../src/parallel.ts';
import { recordPrefix } from '../../src/raw-store/object-key.ts';
import type { ActivityDependencies } from '../dependencies.ts';
import { beat } from '../heartbeat.ts';
import { countExpiredEverywhere } from './verify.ts';
import { loadErasure } from './erasure.ts';

const DAY_MS = 86_400_000;

/** Records whose objects are deleted at a time. */
const PARALLEL = 8;

/** Opens an erasure in the ledger of each tenant that holds something too old, and clears old recorded answers. */
export async function openRetention(deps: ActivityDependencies): Promise<readonly ErasureRef[]> {
  const due: ErasureRef[] = [];
  for (const tenant of await listTenants(deps.database.deployment)) {
    const { app } = deps.database.forTenant(tenant);
    await clearRetrievals(deps, tenant);
    if ((await expiredRecords(app, tenant, limitsAt(deps, Date.now()), FIRST_RECORD, 1)).length === 0) continue;
    const erasureId = retentionErasureId(tenant, Context.current().info.workflowExecution?.runId ?? '');
    await openRetentionErasure(app, tenant, erasureId, deps.dials.get('erasure.deadline_ms'));
    due.push({ tenant, erasureId });
  }
  return due;
}

function limitsAt({ dials }: ActivityDependencies, now: number): RetentionLimits {
  const limit = (days: number) => (days === 0 ? null : new Date(now - days * DAY_MS));
  return {
    chat: limit(dials.get('retention.chat_days')),
    audio: limit(dials.get('retention.audio_days')),
    screenshot: limit(dials.get('retention.screenshot_days')),
  };
}

async function clearRetrievals(deps: ActivityDependencies, tenant: string): Promise<void> {
  const days = deps.dials.get('retention.retrieval_days');
  if (days === 0) return;
  const before = new Date(Date.now() - days * DAY_MS);
  const page = deps.dials.get('erasure.page_records');
  while ((await deleteOldRetrievals(deps.database.forTenant(tenant).app, tenant, before, page)) > 0) beat();
}

/** Marks what was too old when the erasure was opened. */
export async function markExpired(
  deps: ActivityDependencies,
  ref: ErasureRef,
  signal: AbortSignal,
): Promise<StoreCounts> {
  const { app } = deps.database.forTenant(ref.tenant);
  let records = 0;
  for await (const page of pagesOf(deps, ref, signal)) {
    await markRecords(app, ref, idsOf(page));
    records += page.length;
  }
  return { 'postgres.tombstone': records };
}

/** Deletes raw objects, then rows, of a page of records at a time: while the rows are there, the objects are known. */
export async function deleteExpired(
  deps: ActivityDependencies,
  ref: ErasureRef,
  signal: AbortSignal,
): Promise<StoreCounts> {
  const { tenant } = ref;
  const database = deps.database.forTenant(tenant);
  let deleted: StoreCounts = {};
  for await (const page of pagesOf(deps, ref, signal)) {
    // One that came, late, after the first walk has no tombstone yet.
    await markRecords(database.app, ref, idsOf(page));
    await eachOf(page, PARALLEL, (record) => deleteRecordObjects(deps, tenant, record, signal));
    deleted = addCounts(deleted, await deleteRecords(database, idsOf(page)));
    await deleteEmptySessions(database.app, tenant, [...new Set(page.map(({ session_id }) => session_id))]);
  }
  return deleted;
}

/** All records that were too old when the erasure was opened, page by page; a page may be deleted while it is held. */
async function* pagesOf(
  deps: ActivityDependencies,
  ref: ErasureRef,
  signal: AbortSignal,
): AsyncGenerator<ExpiredRecord[]> {
  const { requested_at: openedAt } = await loadErasure(deps, ref);
  const { app } = deps.database.forTenant(ref.tenant);
  const limits = limitsAt(deps, openedAt.getTime());
  const limit = deps.dials.get('erasure.page_records');
  let after = FIRST_RECORD;
  for (;;) {
    signal.throwIfAborted();
    const page = await expiredRecords(app, ref.tenant, limits, after, limit);
    const last = page.at(-1);
    if (last === undefined) return;
    yield page;
    after = last;
    beat();
  }
}

const idsOf = (page: readonly ExpiredRecord[]) => page.map(({ interaction_id }) => interaction_id);

async function deleteRecordObjects(
  { rawStore }: ActivityDependencies,
  tenant: string,
  record: ExpiredRecord,
  signal: AbortSignal,
): Promise<void> {
  const { customer_key: customerKey, key_generation: generation, interaction_id: interactionId } = record;
  const prefix = recordPrefix({ tenant, customerKey, generation, interactionId });
  await rawStore.deleteAll({ prefix, keep: () => false }, signal);
}

/** @throws EarshotError `not_verified` while something is left. */
export async function verifyExpired(
  deps: ActivityDependencies,
  ref: ErasureRef,
  signal: AbortSignal,
): Promise<StoreCounts> {
  const found = await countExpiredEverywhere(deps, ref, signal);
  const left = totalOf(found);
  if (left > 0) throw new EarshotError('not_verified', `${left} things of expired records are left`);
  const at = new Date().toISOString();
  const report = { after: found, late: found, verifiedAt: at, secondPassAt: at, rounds: 1 };
  await noteStep(deps.database.forTenant(ref.tenant).app, ref, 'verify', report);
  return found;
}
