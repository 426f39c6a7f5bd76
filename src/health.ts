import { freshnessBudgets } from './freshness-budgets.ts';
import { canaryStates } from './db/canaries.ts';
import { coverage } from './db/coverage.ts';
import type { Database } from './db/pools.ts';
import { listSources } from './db/model-sources.ts';
import { openViolations } from './db/quality-violations.ts';
import type { DialReader } from './dial-reader.ts';
import { judgeHealth, type Health } from './domain/health.ts';
import type { IndexVersions } from './index-version-reader.ts';

export interface HealthDependencies {
  readonly database: Database;
  readonly dials: DialReader;
  readonly indexVersions: IndexVersions;
}

/** How a tenant's memory stands, from the rows. */
export async function healthOf(
  { database, dials, indexVersions }: HealthDependencies,
  tenant: string,
): Promise<Health> {
  const { reader } = database.forTenant(tenant);
  const [canaries, covered, violations, sources] = await Promise.all([
    canaryStates(reader, tenant),
    coverage(reader, tenant, indexVersions.live().index_version, dials.get('health.window_ms')),
    openViolations(reader, tenant),
    listSources(database.deployment),
  ]);
  const budgets = freshnessBudgets(dials);
  const interval = dials.get('canary.interval_ms');
  const longest = dials.get('canary.audio_budget_ms') + dials.get('canary.index_budget_ms');
  const now = Date.now();
  return judgeHealth({
    canaryIntervalMs: interval,
    canaryAgeLimitMs: interval * dials.get('health.canary_age_intervals') + longest,
    canaries: canaries.map((row) => ({
      modality: row.modality,
      lastCode: row.last_code,
      ageMs: now - (row.last_reachable_at ?? row.first_planted_at).getTime(),
    })),
    coverage: covered.map((row) => ({
      modality: row.modality,
      chunks: row.chunks,
      withVector: row.with_vector,
      oldestWaitingMs: row.oldest_waiting_ms,
      budgetMs: budgets[row.modality],
    })),
    violations: violations.map(({ check_name: check, code, severity, affected }) => ({
      check,
      code,
      severity,
      affected,
    })),
    pausedSources: sources
      .filter(({ state }) => state === 'paused')
      .map(({ source, cause, changed_at: changedAt }) => ({ source, cause, forMs: now - changedAt.getTime() })),
    waitingBudgets: dials.get('health.waiting_budgets'),
  });
}
