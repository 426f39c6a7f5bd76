import { canariesWithin } from './db/canaries.ts';
import { openViolations } from './db/quality-violations.ts';
import { lastReport } from './db/reconciliations.ts';
import { aliveWithin, serviceWithin, type AliveRow, type ServiceRow } from './db/service-minutes.ts';
import { longestRecovery, outcomesWithin, type OutcomeRow } from './db/standing-stages.ts';
import type { BudgetDependencies } from './budgets.ts';
import { budgetsOf } from './budgets.ts';
import type { DialReader } from './dial-reader.ts';
import { freshnessBudgets } from './freshness-budgets.ts';
import { atLeast, atMost, percentOf, quantile, type Objective, type ServiceKind } from './domain/service.ts';
import type { BudgetVerdict } from './domain/stage-budget.ts';

type Dials = Pick<DialReader, 'get'>;

export interface ServiceLevel {
  /** Whether every objective that was measured was met. */
  readonly met: boolean;
  readonly objectives: readonly Objective[];
  readonly freshness: readonly BudgetVerdict[];
  readonly service: readonly ServedRequests[];
  readonly minutes: { readonly known: number; readonly alive: number };
  readonly recovery: { readonly longestOverBudgetMinutes: number };
}

interface ServedRequests {
  readonly kind: ServiceKind;
  readonly requests: number;
  readonly failed: number;
  readonly p50Ms: number | null;
  readonly p95Ms: number | null;
  readonly p99Ms: number | null;
}

/** What was promised and what was kept, from rows alone: restarts lose nothing of it but the last seconds. */
export async function serviceLevelOf(
  deps: BudgetDependencies,
  tenant: string,
  windowMs: number,
): Promise<ServiceLevel> {
  const { reader } = deps.database.forTenant(tenant);
  const [freshness, rows, alive, canaries, violations, report, outcomes, recovery] = await Promise.all([
    budgetsOf(deps, tenant, windowMs),
    serviceWithin(reader, tenant, windowMs),
    aliveWithin(reader, tenant, windowMs),
    canariesWithin(reader, tenant, windowMs),
    openViolations(reader, tenant),
    lastReport(reader, tenant),
    outcomesWithin(reader, tenant, windowMs),
    longestRecovery(reader, tenant, windowMs, freshnessBudgets(deps.dials), deps.dials.get('late.after_ms')),
  ]);
  const service = rows.map(servedOf);
  const unrepaired = report === undefined ? null : sumOf(report.unrepairable);
  const objectives = [
    ...freshness.map(({ modality, budgetMs, p99Ms }) => atMost(`freshness_${modality}_p99`, 'ms', budgetMs, p99Ms)),
    ...latencies(deps.dials, service),
    availability(deps.dials, service, alive),
    atLeast(
      'canaries_found',
      'percent',
      deps.dials.get('sla.canaries_found_percent'),
      percentOf(canaries.found, canaries.ended),
    ),
    atMost('red_violations_open', 'count', 0, violations.filter(({ severity }) => severity === 'red').length),
    atMost('reconciliation_unrepairable', 'count', 0, unrepaired),
    heldBack(deps.dials, outcomes),
  ];
  const met = objectives.every((each) => each.met !== false);
  const minutes = { known: alive.minutes, alive: alive.alive };
  return { met, objectives, freshness, service, minutes, recovery: { longestOverBudgetMinutes: recovery } };
}

function servedOf({ kind, requests, failed, took }: ServiceRow): ServedRequests {
  const counts = new Map(took);
  const at = (share: number) => quantile(counts, share);
  return { kind, requests, failed, p50Ms: at(0.5), p95Ms: at(0.95), p99Ms: at(0.99) };
}

function latencies(dials: Dials, service: readonly ServedRequests[]): Objective[] {
  const kinds = ['retrieval', 'acceptance'] as const;
  return kinds.flatMap((kind) => {
    const served = service.find((each) => each.kind === kind);
    return [
      atMost(`${kind}_p95`, 'ms', dials.get(`sla.${kind}_p95_ms`), served?.p95Ms ?? null),
      atMost(`${kind}_p99`, 'ms', dials.get(`sla.${kind}_p99_ms`), served?.p99Ms ?? null),
    ];
  });
}

/**
 * The share of requests that were answered without a fault of ours, times the share of minutes in which somebody was
 * there to answer. It is seen from inside: a request that never reached a process is counted by the second factor alone.
 */
function availability(dials: Dials, service: readonly ServedRequests[], { minutes, alive }: AliveRow): Objective {
  const requests = service.reduce((sum, each) => sum + each.requests, 0);
  const failed = service.reduce((sum, each) => sum + each.failed, 0);
  const answered = percentOf(requests - failed, requests) ?? 100;
  const there = percentOf(alive, minutes) ?? 100;
  const measured = requests === 0 && minutes === 0 ? null : (answered * there) / 100;
  return atLeast('availability', 'percent', dials.get('sla.availability_percent'), measured);
}

function heldBack(dials: Dials, { settled, held_back: held, failed }: OutcomeRow): Objective {
  return atMost('held_back', 'percent', dials.get('sla.held_back_percent'), percentOf(held + failed, settled));
}

function sumOf(counts: Readonly<Record<string, number>>): number {
  return Object.values(counts).reduce((sum, count) => sum + count, 0);
}
