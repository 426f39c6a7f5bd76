import { freshnessWithin, type FreshnessRow } from './db/records.ts';
import type { Database } from './db/pools.ts';
import { standingStages, type StandingStageRow } from './db/standing-stages.ts';
import type { DialReader } from './dial-reader.ts';
import { MODALITIES } from './domain/interaction.ts';
import { freshnessBudgets } from './freshness-budgets.ts';
import { judgeBudget, STAGES, type BudgetVerdict, type StageMeasure } from './domain/stage-budget.ts';

export interface BudgetDependencies {
  readonly database: Database;
  readonly dials: Pick<DialReader, 'get'>;
}

/** How each modality stands against its budgets: what became reachable within a window, and what waits now. */
export async function budgetsOf(
  { database, dials }: BudgetDependencies,
  tenant: string,
  windowMs: number,
): Promise<BudgetVerdict[]> {
  const { reader } = database.forTenant(tenant);
  const [fresh, standing] = await Promise.all([
    freshnessWithin(reader, tenant, windowMs, dials.get('late.after_ms')),
    standingStages(reader, tenant),
  ]);
  return judgeBudgets(dials, fresh, standing);
}

export function judgeBudgets(
  dials: Pick<DialReader, 'get'>,
  fresh: readonly FreshnessRow[],
  standing: readonly StandingStageRow[],
): BudgetVerdict[] {
  const totals = freshnessBudgets(dials);
  return MODALITIES.map((modality) => {
    const passed = fresh.find((row) => row.modality === modality);
    const waiting = standing.filter((row) => row.modality === modality);
    const stages = STAGES.map((stage): StageMeasure => ({
      stage,
      budgetMs: dials.get(`budget.${modality}_${stage}_ms`),
      p99Ms: passed?.[stage]?.[2] ?? null,
      oldestWaitingMs: waiting.find((row) => row.stage === stage)?.oldest_ms ?? null,
    }));
    return judgeBudget({
      modality,
      budgetMs: totals[modality],
      p99Ms: passed?.total?.[2] ?? null,
      oldestWaitingMs: oldest(waiting),
      stages,
    });
  });
}

function oldest(waiting: readonly StandingStageRow[]): number | null {
  return waiting.length === 0 ? null : Math.max(...waiting.map(({ oldest_total_ms: ms }) => ms));
}
