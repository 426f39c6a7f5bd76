import { deleteRecords, FIRST_RECORD, markRecords, type RecordCursor } from '../../src/db/erased-rows.ts';
import { noteStep } from '../../src/db/erasures.ts';
import {
  deleteOldRetrievals,
  expiredRecords,
  openRetentionErasure,
  openRetentions,
  type ExpiredClass,
  type ExpiredRecord,
} from '../../src/db/expired-records.ts';
import { eachTenant } from '../../src/each-tenant.ts';
import { addCounts, type ErasureRef, type ErasureReport, type StoreCounts } from '../../src/domain/erasure.ts';
import { retentionErasureId } from '../../src/domain/ids.ts';
import { MODALITIES } from '../../src/domain/interaction.ts';
import { eachOf } from '../../src/domain/each-of.ts';
import { pages } from '../../src/pages.ts';
import { recordPrefix } from '../../src/raw-store/object-key.ts';
import type { ActivityDependencies } from '../dependencies.ts';
import { beat, currentRun } from '../heartbeat.ts';
import { countExpiredEverywhere } from './verify.ts';
import { loadErasure } from './erasure.ts';

const DAY_MS = 86_400_000;

/** Records whose objects are deleted at a time. */
const PARALLEL = 8;

/**
 * Answers what an earlier run has not finished, and opens an erasure in the ledger of each tenant that holds something too
 * old; clears old recorded answers.
 */
export async function openRetention(deps: ActivityDependencies): Promise<readonly ErasureRef[]> {
  const due = await eachTenant(deps, 'what is too old was not looked for', (tenant) => openFor(deps, tenant));
  return due.flatMap(({ result }) => result);
}

async function openFor(deps: ActivityDependencies, tenant: string): Promise<ErasureRef[]> {
  const { app } = deps.database.forTenant(tenant);
  await clearRetrievals(deps, tenant);
  const open = await openRetentions(app, tenant);
  const due = open.map((erasureId) => ({ tenant, erasureId }));
  const ref = { tenant, erasureId: retentionErasureId(tenant, currentRun().runId ?? '') };
  const limits = limitsNow(deps);
  if (open.includes(ref.erasureId) || !(await anyExpired(deps, ref, classesOf(limits)))) return due;
  await openRetentionErasure(app, ref, deps.dials.get('erasure.deadline_ms'), limits);
  return [...due, ref];
}

type Limits = NonNullable<ErasureReport['limits']>;

function limitsNow({ dials }: ActivityDependencies): Limits {
  const limit = (days: number) => (days === 0 ? null : new Date(Date.now() - days * DAY_MS).toISOString());
  return {
    chat: limit(dials.get('retention.chat_days')),
    audio: limit(dials.get('retention.audio_days')),
    screenshot: limit(dials.get('retention.screenshot_days')),
  };
}

function classesOf(limits: Limits): ExpiredClass[] {
  return MODALITIES.flatMap((modality) => {
    const before = limits[modality];
    return before === null ? [] : [{ modality, before: new Date(before) }];
  });
}

async function anyExpired(
  deps: ActivityDependencies,
  ref: ErasureRef,
  classes: readonly ExpiredClass[],
): Promise<boolean> {
  const { app } = deps.database.forTenant(ref.tenant);
  for (const each of classes) {
    if ((await expiredRecords(app, ref, each, FIRST_RECORD, 1)).length > 0) return true;
  }
  return false;
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
    const sessionIds = [...new Set(page.map(({ session_id }) => session_id))];
    deleted = addCounts(deleted, await deleteRecords(database, idsOf(page), sessionIds));
  }
  return deleted;
}

/** All records that were too old when the erasure was opened, page by page. */
async function* pagesOf(
  deps: ActivityDependencies,
  ref: ErasureRef,
  signal: AbortSignal,
): AsyncGenerator<readonly ExpiredRecord[]> {
  const { report } = await loadErasure(deps, ref);
  const { app } = deps.database.forTenant(ref.tenant);
  const limit = deps.dials.get('erasure.page_records');
  for (const each of report.limits === undefined ? [] : classesOf(report.limits)) {
    const read = (after: RecordCursor) => {
      signal.throwIfAborted();
      return expiredRecords(app, ref, each, after, limit);
    };
    for await (const page of pages(FIRST_RECORD, (record: ExpiredRecord): RecordCursor => record, read)) {
      yield page;
      beat();
    }
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

/** Looks for what should be gone, and notes what it found. */
export async function verifyExpired(
  deps: ActivityDependencies,
  ref: ErasureRef,
  signal: AbortSignal,
): Promise<StoreCounts> {
  const found = await countExpiredEverywhere(deps, ref, signal);
  const report = { after: found, verifiedAt: new Date().toISOString(), rounds: 1 };
  await noteStep(deps.database.forTenant(ref.tenant).app, ref, 'verify', report);
  return found;
}
