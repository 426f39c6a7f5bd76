import type { Modality } from './interaction.ts';

/** The stages of the freshness gap (src/domain/freshness.ts): Δi, Δs, Δt, Δx. */
export const STAGES = ['ingest', 'stream', 'transform', 'index'] as const;
export type Stage = (typeof STAGES)[number];

/** How one stage of a modality did, in milliseconds; null where nothing was measured. */
export interface StageMeasure {
  readonly stage: Stage;
  readonly budgetMs: number;
  readonly p99Ms: number | null;
  /** For how long the record that stands longest in this stage has been there. */
  readonly oldestWaitingMs: number | null;
}

export interface StageVerdict extends StageMeasure {
  readonly status: 'green' | 'red';
}

export interface BudgetVerdict {
  readonly modality: Modality;
  /** `red` when a stage or the whole is over its budget: what became reachable, or what still waits. */
  readonly status: 'green' | 'red';
  /** Where the time goes. */
  readonly overBudget: readonly (Stage | 'total')[];
  readonly budgetMs: number;
  readonly p99Ms: number | null;
  readonly oldestWaitingMs: number | null;
  readonly stages: readonly StageVerdict[];
}

export interface BudgetFacts {
  readonly modality: Modality;
  /** Of the whole, from capture to reachable. */
  readonly budgetMs: number;
  readonly p99Ms: number | null;
  readonly oldestWaitingMs: number | null;
  readonly stages: readonly StageMeasure[];
}

/** Holds a modality to its budgets: each stage to its own, by what passed it and by what stands in it, and the whole. */
export function judgeBudget({ modality, budgetMs, p99Ms, oldestWaitingMs, stages }: BudgetFacts): BudgetVerdict {
  const judged = stages.map((stage): StageVerdict => ({ ...stage, status: isOver(stage) ? 'red' : 'green' }));
  const overBudget: (Stage | 'total')[] = judged.filter(({ status }) => status === 'red').map(({ stage }) => stage);
  if (isOver({ budgetMs, p99Ms, oldestWaitingMs })) overBudget.push('total');
  const status = overBudget.length > 0 ? 'red' : 'green';
  return { modality, status, overBudget, budgetMs, p99Ms, oldestWaitingMs, stages: judged };
}

function isOver({ budgetMs, p99Ms, oldestWaitingMs }: Omit<StageMeasure, 'stage'>): boolean {
  return Math.max(p99Ms ?? 0, oldestWaitingMs ?? 0) > budgetMs;
}
