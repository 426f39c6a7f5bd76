import type { Modality } from './interaction.ts';
import type { ModelSource, PauseCause } from './model-source.ts';

/** Whether answers can be relied on: `red` when the memory is stale or has holes, however green the jobs are. */
export type HealthStatus = 'green' | 'yellow' | 'red';

export interface HealthReason {
  readonly status: 'yellow' | 'red';
  /** A stable word, such as `canary_failed`. */
  readonly code: string;
  readonly modality: Modality | null;
  /** What was measured, and the limit that it is held to; null where there is none. */
  readonly value: number | null;
  readonly limit: number | null;
}

export interface Health {
  readonly status: HealthStatus;
  readonly reasons: readonly HealthReason[];
}

/** The facts that health is judged by: what canaries and comparisons saw, and what waits. Never that a job ended well. */
export interface HealthFacts {
  /** In milliseconds; 0: canaries are switched off. */
  readonly canaryIntervalMs: number;
  /** How old the last reachable canary may be. */
  readonly canaryAgeLimitMs: number;
  readonly canaries: readonly {
    readonly modality: Modality;
    readonly lastCode: string | null;
    /** Since the last that was reachable; since the first, if none ever was. */
    readonly ageMs: number;
  }[];
  readonly coverage: readonly {
    readonly modality: Modality;
    readonly chunks: number;
    readonly withVector: number;
    readonly oldestWaitingMs: number | null;
    readonly budgetMs: number;
  }[];
  readonly violations: readonly {
    readonly check: string;
    readonly code: string;
    readonly severity: 'yellow' | 'red';
    readonly affected: number;
  }[];
  /** Sources that are paused, and for how long. */
  readonly pausedSources: readonly {
    readonly source: ModelSource;
    readonly cause: PauseCause | null;
    readonly forMs: number;
  }[];
  /** Of freshness budgets, past which a waiting record is red. */
  readonly waitingBudgets: number;
}

export function judgeHealth(facts: HealthFacts): Health {
  const reasons = [...canaryReasons(facts), ...facts.coverage.flatMap((row) => rowReasons(row, facts.waitingBudgets))];
  for (const { source, cause, forMs } of facts.pausedSources) {
    // What an operator has paused is known to somebody.
    const status = cause === 'operator' ? 'yellow' : 'red';
    reasons.push({ status, code: `source_paused_${source}`, modality: null, value: forMs, limit: 0 });
  }
  for (const { check, code, severity, affected } of facts.violations) {
    // What canaries saw is told by the canaries themselves.
    if (check === 'canary') continue;
    reasons.push({ status: severity, code: `${check}_${code}`, modality: null, value: affected, limit: 0 });
  }
  const status = reasons.some((each) => each.status === 'red') ? 'red' : reasons.length > 0 ? 'yellow' : 'green';
  return { status, reasons };
}

function canaryReasons({ canaryIntervalMs, canaryAgeLimitMs, canaries }: HealthFacts): HealthReason[] {
  const none = { modality: null, value: null, limit: null };
  if (canaryIntervalMs === 0) return [{ status: 'yellow', code: 'canaries_switched_off', ...none }];
  if (canaries.length === 0) return [{ status: 'yellow', code: 'no_canary_yet', ...none }];
  return canaries.flatMap(({ modality, lastCode, ageMs }): HealthReason[] => {
    const measured = { modality, value: ageMs, limit: canaryAgeLimitMs };
    if (lastCode !== null) return [{ status: 'red', code: `canary_${lastCode}`, ...measured }];
    return ageMs > canaryAgeLimitMs ? [{ status: 'red', code: 'canary_stale', ...measured }] : [];
  });
}

function rowReasons(row: HealthFacts['coverage'][number], waitingBudgets: number): HealthReason[] {
  const { modality, chunks, withVector, oldestWaitingMs, budgetMs: budget } = row;
  const reasons: HealthReason[] = [];
  if (withVector < chunks) {
    reasons.push({ status: 'red', code: 'vectors_missing', modality, value: chunks - withVector, limit: 0 });
  }
  if (oldestWaitingMs !== null && oldestWaitingMs > budget) {
    const limit = budget * waitingBudgets;
    const status = oldestWaitingMs > limit ? 'red' : 'yellow';
    reasons.push({ status, code: 'waits_too_long', modality, value: oldestWaitingMs, limit });
  }
  return reasons;
}
