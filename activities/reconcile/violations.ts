import { raiseViolation, resolveViolations, type SeenViolation } from '../../src/db/quality-violations.ts';
import type { Queryable } from '../../src/db/pools.ts';
import type { ReconciliationReport } from '../../src/domain/reconciliation.ts';

const CHECK = 'reconciliation';

/** Writes down what was found; what was repaired is resolved at once, and stays in the record. */
export async function judgeReport(app: Queryable, tenant: string, report: ReconciliationReport): Promise<void> {
  const seen = (code: string, severity: 'yellow' | 'red', affected: number): SeenViolation => ({
    check: CHECK,
    modality: '',
    code,
    severity,
    affected,
  });
  const missing = Object.entries(report.missing)
    .filter(([, count]) => count > 0)
    .map(([store, count]) => seen(`missing_${store}`, 'red', count));
  const standing = Object.entries(report.unrepairable)
    .filter(([, count]) => count > 0)
    .map(([code, count]) => seen(code, code === 'waits_too_long' ? 'yellow' : 'red', count));
  if (report.duplicates > 0) standing.push(seen('duplicates', 'red', report.duplicates));
  for (const each of [...missing, ...standing]) await raiseViolation(app, tenant, each);
  const unrepaired = missing.filter(({ code, affected }) => {
    return (report.repaired[code.slice('missing_'.length)] ?? 0) < affected;
  });
  const left = [...unrepaired, ...standing].map(({ code }) => code);
  await resolveViolations(app, tenant, CHECK, '', left);
}
