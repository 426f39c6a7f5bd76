import { continueAsNew, setCurrentDetails, workflowInfo } from '@temporalio/workflow';
import type { OpenedReconciliation } from '../src/domain/activities.ts';
import {
  addReports,
  EMPTY_REPORT,
  type ReconciliationRef,
  type ReconciliationReport,
  type ReconciliationScope,
  type Slice,
} from '../src/domain/reconciliation.ts';
import { reconciliation as steps } from './proxies.ts';

/** Where a run stands that has become too long. */
interface Carried {
  readonly open: readonly OpenedReconciliation[];
  readonly progress: Progress;
}

interface Progress {
  readonly report: ReconciliationReport;
  readonly reopened: readonly string[];
  readonly rest: Slice | null;
}

/** Records that are waited for: more are left to the next comparison. */
const AWAITED = 500;

/**
 * Compares raw log, artifacts, texts, vectors and lineage of each tenant, or of the one given, hour by hour, and makes
 * anew just what is missing; removes what nothing names. Keeps a report of each.
 */
export async function reconcile(
  given: (ReconciliationRef & { readonly scope: ReconciliationScope }) | null = null,
  carried: Carried | null = null,
): Promise<{ readonly reconciled: number }> {
  const open = carried?.open ?? (await steps('find what to compare').openReconciliations(given));
  for (const [index, each] of open.entries()) {
    const begun = index === 0 ? carried?.progress : undefined;
    await compare(open.slice(index), each, begun ?? (await begin(each)), given);
  }
  return { reconciled: open.length };
}

/** The indexes first: while one is broken, nothing can be made anew. */
async function begin({ tenant, reconciliationId, whole }: OpenedReconciliation): Promise<Progress> {
  const found = await steps('check the indexes').checkIndexes({ tenant, reconciliationId });
  return { report: addReports(EMPTY_REPORT, found), reopened: [], rest: whole };
}

async function compare(
  open: readonly OpenedReconciliation[],
  { tenant, reconciliationId }: OpenedReconciliation,
  { report: begun, reopened: before, rest: from }: Progress,
  given: (ReconciliationRef & { readonly scope: ReconciliationScope }) | null,
): Promise<void> {
  const ref = { tenant, reconciliationId };
  const reopened = [...before];
  let report = begun;
  for (let slice = from; slice !== null;) {
    const result = await steps(`compare from ${slice.from.slice(0, 13)}`).compareSlice({ ref, slice });
    report = addReports(report, result.report);
    reopened.push(...result.reopened.slice(0, AWAITED - reopened.length));
    slice = result.rest;
    setCurrentDetails(`${report.buckets} hours compared, ${report.differing} differed`);
    if (workflowInfo().continueAsNewSuggested) {
      const progress = { report, reopened, rest: slice };
      await continueAsNew<typeof reconcile>(given, { open, progress });
    }
  }
  report = addReports(report, await steps('compare raw objects').compareObjects(ref));
  if (reopened.length > 0) {
    report = addReports(report, await steps('wait for repairs').awaitReopened({ ref, interactionIds: reopened }));
  }
  await steps('report').closeReconciliation({ ref, report });
}
