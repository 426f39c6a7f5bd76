import { removeOrphanEdges } from '../../src/db/orphans.ts';
import {
  countDuplicates,
  listMissing,
  nextAcceptedAt,
  partEnd,
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
  type ComparedStore,
  type ReconciliationRef,
  type ReconciliationReport,
  type Slice,
} from '../../src/domain/reconciliation.ts';
import type { ActivityDependencies } from '../dependencies.ts';
import { repairMissing, type Repairs } from './repair.ts';

const HOUR_MS = 3_600_000;

/** Parts with records that one step compares: a week of hours. */
const PARTS = 7 * 24;

/** Compares some hours from the start of a slice on: only what differs is walked in detail. */
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
  for (let parts = 0; parts < PARTS && rest !== null; parts++) {
    await deps.brake.wait(signal);
    signal.throwIfAborted();
    const part = await firstPart(deps, tenant, rest);
    const result = await comparePart(deps, tenant, part, signal);
    report = addReports(report, result.report);
    reopened.push(...result.reopened);
    const next = await nextAcceptedAt(app, tenant, part.to);
    rest = next === null || next.toISOString() >= slice.to ? null : { from: next.toISOString(), to: slice.to };
  }
  return { report, reopened, rest };
}

/** To the end of the hour of its start, or of so many records as one statement can compare in the time that it has. */
async function firstPart({ database, dials }: ActivityDependencies, tenant: string, slice: Slice): Promise<Slice> {
  const hourEnd = (Math.floor(new Date(slice.from).getTime() / HOUR_MS) + 1) * HOUR_MS;
  const to = new Date(Math.min(hourEnd, new Date(slice.to).getTime())).toISOString();
  const limit = dials.get('reconcile.part_records');
  const end = await partEnd(database.forTenant(tenant).app, tenant, { from: slice.from, to }, limit);
  return { from: slice.from, to: end.toISOString() };
}

async function comparePart(
  deps: ActivityDependencies,
  tenant: string,
  part: Slice,
  signal: AbortSignal,
): Promise<{ report: ReconciliationReport; reopened: readonly string[] }> {
  const { app } = deps.database.forTenant(tenant);
  const edges = await removeOrphanEdges(app, tenant, part, deps.dials.get('reconcile.orphan_grace_ms'));
  const buckets = await tallyBuckets(app, tenant, part, boundsOf(deps));
  const differing = buckets.filter((bucket) => differingStores(bucket).length > 0);
  let report = addReports(EMPTY_REPORT, {
    buckets: buckets.length,
    differing: differing.length,
    orphansRemoved: edges === 0 ? {} : { lineage: edges },
    duplicates: await countDuplicates(app, tenant, part, deps.indexVersions.live().index_version),
    vectors: buckets.reduce((sum, { stores }) => sum + stores.vector.expected.count, 0),
  });
  const reopened: string[] = [];
  if (differing.length > 0) {
    // In the order of the chain: what is made anew of one store is what the next one is compared with.
    for (const store of COMPARED_STORES) {
      const repairs = await repairStore(deps, tenant, part, store, signal);
      report = addReports(report, repairs.report);
      reopened.push(...repairs.reopened);
    }
  }
  return { report, reopened };
}

async function repairStore(
  deps: ActivityDependencies,
  tenant: string,
  part: Slice,
  store: ComparedStore,
  signal: AbortSignal,
): Promise<{ report: ReconciliationReport; reopened: readonly string[] }> {
  const { app } = deps.database.forTenant(tenant);
  const bounds = boundsOf(deps);
  const limit = deps.dials.get('reconcile.page_rows');
  const attempted = new Set<string>();
  const reopened: string[] = [];
  let unrepairable: Readonly<Record<string, number>> = {};
  let code = 'refused';
  for (;;) {
    signal.throwIfAborted();
    const missing = await listMissing(app, tenant, part, bounds, store, limit);
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
