import { removeOrphanEdges } from '../../src/db/orphans.ts';
import {
  countDuplicates,
  listMissing,
  nextAcceptedAt,
  tallyBuckets,
  type MissingRow,
  type ReconcileBounds,
} from '../../src/db/reconciled-rows.ts';
import type { SliceResult } from '../../src/domain/activities.ts';
import { lineageDepths } from '../../src/domain/lineage-depth.ts';
import {
  addReports,
  COMPARED_STORES,
  differingStores,
  EMPTY_REPORT,
  type BucketTally,
  type ComparedStore,
  type ReconciliationRef,
  type ReconciliationReport,
  type Slice,
} from '../../src/domain/reconciliation.ts';
import type { ActivityDependencies } from '../dependencies.ts';
import { repairMissing, type Repairs } from './repair.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** Days with records that one step compares. */
const DAYS = 7;

/** Compares some days from the start of a slice on: only hours that differ are walked in detail. */
export async function compareSlice(
  deps: ActivityDependencies,
  { tenant }: ReconciliationRef,
  slice: Slice,
  signal: AbortSignal,
): Promise<SliceResult> {
  const { app } = deps.database.forTenant(tenant);
  const reopened: string[] = [];
  let report: ReconciliationReport = EMPTY_REPORT;
  let rest: Slice | null = slice;
  for (let day = 0; day < DAYS && rest !== null; day++) {
    signal.throwIfAborted();
    const part = firstDay(rest);
    const result = await compareDay(deps, tenant, part, signal);
    report = addReports(report, result.report);
    reopened.push(...result.reopened);
    const next = await nextAcceptedAt(app, tenant, part.to);
    rest = next === null || next.toISOString() >= slice.to ? null : { from: next.toISOString(), to: slice.to };
  }
  return { report, reopened, rest };
}

/** From the full hour of its start, at most a day. */
function firstDay({ from, to }: Slice): Slice {
  const start = Math.floor(new Date(from).getTime() / HOUR_MS) * HOUR_MS;
  const end = Math.min(start + DAY_MS, new Date(to).getTime());
  return { from: new Date(start).toISOString(), to: new Date(end).toISOString() };
}

async function compareDay(
  deps: ActivityDependencies,
  tenant: string,
  day: Slice,
  signal: AbortSignal,
): Promise<{ report: ReconciliationReport; reopened: readonly string[] }> {
  const { app } = deps.database.forTenant(tenant);
  const edges = await removeOrphanEdges(app, tenant, day, deps.dials.get('reconcile.orphan_grace_ms'));
  const buckets = await tallyBuckets(app, tenant, day, boundsOf(deps));
  const differing = buckets.filter((bucket) => differingStores(bucket).length > 0);
  let report = addReports(EMPTY_REPORT, {
    buckets: buckets.length,
    differing: differing.length,
    orphansRemoved: edges === 0 ? {} : { lineage: edges },
    duplicates: await countDuplicates(app, tenant, day, deps.indexVersions.live().index_version),
    vectors: buckets.reduce((sum, { stores }) => sum + stores.vector.expected.count, 0),
  });
  const reopened: string[] = [];
  for (const bucket of differing) {
    // In the order of the chain: what is made anew of one store is what the next one is compared with.
    for (const store of COMPARED_STORES) {
      const repairs = await repairStore(deps, tenant, bucket, store, signal);
      report = addReports(report, repairs.report);
      reopened.push(...repairs.reopened);
    }
  }
  return { report, reopened };
}

async function repairStore(
  deps: ActivityDependencies,
  tenant: string,
  { hour }: BucketTally,
  store: ComparedStore,
  signal: AbortSignal,
): Promise<{ report: ReconciliationReport; reopened: readonly string[] }> {
  const { app } = deps.database.forTenant(tenant);
  const slice = { from: hour, to: new Date(new Date(hour).getTime() + HOUR_MS).toISOString() };
  const bounds = boundsOf(deps);
  const limit = deps.dials.get('reconcile.page_rows');
  const attempted = new Set<string>();
  const reopened: string[] = [];
  let unrepairable: Readonly<Record<string, number>> = {};
  let code = 'refused';
  for (;;) {
    signal.throwIfAborted();
    const missing = await listMissing(app, tenant, slice, bounds, store, limit);
    const fresh = missing.filter((row) => !attempted.has(nameOf(row)));
    // What is still missing after its repair would be listed for ever.
    if (fresh.length === 0) {
      if (missing.length > 0) unrepairable = { [code]: missing.length };
      break;
    }
    fresh.forEach((row) => attempted.add(nameOf(row)));
    const repairs: Repairs = await repairMissing(deps, tenant, store, fresh, signal);
    reopened.push(...repairs.reopened);
    code = repairs.code;
  }
  const left = Object.values(unrepairable).reduce((sum, count) => sum + count, 0);
  const repaired = attempted.size - left - reopened.length;
  const report = addReports(EMPTY_REPORT, {
    missing: attempted.size === 0 ? {} : { [store]: attempted.size },
    repaired: repaired <= 0 ? {} : { [store]: repaired },
    unrepairable,
  });
  return { report, reopened };
}

function boundsOf({ dials }: ActivityDependencies): ReconcileBounds {
  return { settledForMs: dials.get('reconcile.settled_for_ms'), lineageDepths: lineageDepths(dials) };
}

function nameOf({ interaction_id, artifact_id, chunk_id, index_version }: MissingRow): string {
  return [interaction_id, artifact_id, chunk_id, index_version].join();
}
