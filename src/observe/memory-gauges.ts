import { Gauge, type Registry } from 'prom-client';
import { canaryStates } from '../db/canaries.ts';
import type { Database } from '../db/pools.ts';
import { openViolations } from '../db/quality-violations.ts';
import { lastReport } from '../db/reconciliations.ts';
import { COMPARED_STORES } from '../domain/reconciliation.ts';
import { eachTenant } from '../each-tenant.ts';
import type { Logger } from './log.ts';

interface Sample {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** What canaries and comparisons saw last, read from the database when the metrics are asked for. */
export function observeMemory(registry: Registry, database: Database, log: Logger): void {
  const gauge = (name: string, help: string, labelNames: string[], read: (tenant: string) => Promise<Sample[]>) => {
    new Gauge({
      name,
      help,
      labelNames: ['tenant', ...labelNames],
      registers: [registry],
      async collect() {
        const samples = await eachTenant({ database, log }, 'the memory was not measured', read);
        this.reset();
        for (const { tenant, result } of samples) {
          for (const { labels, value } of result) this.set({ tenant, ...labels }, value);
        }
      },
    });
  };
  const reader = (tenant: string) => database.forTenant(tenant).reader;
  gauge('earshot_canary_age_seconds', 'Since a canary was last reachable.', ['modality'], async (tenant) =>
    (await canaryStates(reader(tenant), tenant)).map((row) => ({
      labels: { modality: row.modality },
      value: (Date.now() - (row.last_reachable_at ?? row.first_planted_at).getTime()) / 1000,
    })),
  );
  gauge('earshot_quality_violations_open', 'Faults of the memory that stand.', ['check', 'code'], async (tenant) => {
    const counts = new Map<string, Sample>();
    for (const { check_name: check, code } of await openViolations(reader(tenant), tenant)) {
      const known = counts.get(`${check} ${code}`);
      counts.set(`${check} ${code}`, { labels: { check, code }, value: (known?.value ?? 0) + 1 });
    }
    return [...counts.values()];
  });
  gauge('earshot_reconcile_missing', 'What the last comparison found missing.', ['store'], async (tenant) => {
    const report = await lastReport(reader(tenant), tenant);
    if (report === undefined) return [];
    const stores = new Set([...COMPARED_STORES, ...Object.keys(report.missing)]);
    return [...stores].map((store) => ({ labels: { store }, value: report.missing[store] ?? 0 }));
  });
  gauge(
    'earshot_index_coverage_ratio',
    'Of the texts that the last comparison looked at, those that had their vector before it repaired them.',
    [],
    async (tenant) => {
      const report = await lastReport(reader(tenant), tenant);
      if (report === undefined || report.vectors === 0) return [];
      return [{ labels: {}, value: 1 - (report.missing['vector'] ?? 0) / report.vectors }];
    },
  );
}
