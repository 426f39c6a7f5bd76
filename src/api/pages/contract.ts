/** What the page reads of the answers to its questions. test/api/status-page.test.ts holds it to what the routes declare. */

export type Modality = 'chat' | 'audio' | 'screenshot';
export type Stage = 'ingest' | 'stream' | 'transform' | 'index';
export type ModelSource = 'embedding' | 'speech' | 'vision';
export type PressureStep =
  'none' | 'slow_reprocessing' | 'grow_batches' | 'drop_captions' | 'refuse_bulk' | 'refuse_live';

export interface HealthReason {
  readonly status: 'green' | 'yellow' | 'red';
  readonly code: string;
  readonly modality: Modality | null;
  readonly value: number | null;
  readonly limit: number | null;
}

export interface Health {
  readonly status: 'green' | 'yellow' | 'red';
  readonly reasons: readonly HealthReason[];
}

export interface Violation {
  readonly check: string;
  readonly code: string;
  readonly modality: Modality | null;
  readonly firstSeenAt: string;
  readonly lastSeenAt: string;
}

export interface Violations {
  readonly violations: readonly Violation[];
}

export interface Objective {
  readonly name: string;
  readonly unit: 'percent' | 'ms' | 'count';
  readonly target: number;
  readonly measured: number | null;
  readonly met: boolean | null;
}

export interface Budget {
  readonly modality: Modality;
  readonly status: 'green' | 'red';
  readonly overBudget: readonly (Stage | 'total')[];
  readonly budgetMs: number;
  readonly oldestWaitingMs: number | null;
  readonly stages: readonly {
    readonly stage: Stage;
    readonly status: 'green' | 'red';
    readonly budgetMs: number;
    readonly oldestWaitingMs: number | null;
  }[];
}

export interface ServiceLevel {
  readonly window: string;
  readonly met: boolean;
  readonly objectives: readonly Objective[];
  readonly freshness: readonly Budget[];
}

export interface Percentiles {
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
}

export interface ModalityFreshness {
  readonly modality: Modality;
  readonly count: number;
  readonly stages: Readonly<Record<Stage, Percentiles | null>>;
  readonly total: Percentiles | null;
}

export interface Freshness {
  readonly modalities: readonly ModalityFreshness[];
}

export interface ModelState {
  readonly source: ModelSource;
  readonly state: 'running' | 'paused';
  readonly cause: 'failures' | 'operator' | null;
  readonly since: string;
  readonly failures: number;
  readonly lastError: string | null;
  readonly waiting: number;
  readonly oldestWaitingMs: number | null;
}

export interface Models {
  readonly sources: readonly ModelState[];
}

export interface Pressure {
  readonly step: PressureStep;
  readonly since: string;
  readonly cause: { readonly modality: Modality; readonly minutesToBreach: number; readonly own: boolean } | null;
}

export interface ModalityBacklog {
  readonly modality: Modality;
  readonly waiting: number;
  readonly stages: { readonly accepted: number; readonly recognising: number; readonly indexing: number };
  readonly late: number;
  readonly stuck: number;
  readonly overdue: number;
  readonly oldestMs: number | null;
  readonly arrivedPerSecond: number | null;
  readonly completedPerSecond: number | null;
  readonly minutesToBreach: number | null;
  readonly drainSeconds: number | null;
}

export interface QueueBacklog {
  readonly queue: string;
  readonly kind: 'workflow' | 'activity';
  readonly backlog: number;
  readonly oldestMs: number;
  readonly addedPerSecond: number;
  readonly dispatchedPerSecond: number;
}

export interface BacklogPoint {
  readonly at: string;
  readonly modality: Modality;
  readonly waiting: number;
  readonly oldestMs: number | null;
  readonly arrivedPerSecond: number | null;
  readonly completedPerSecond: number | null;
  readonly expectedLagMs: number | null;
  readonly minutesToBreach: number | null;
}

export interface PressureChange {
  readonly at: string;
  readonly from: PressureStep;
  readonly to: PressureStep;
}

export interface Backlog {
  readonly sampledAt: string | null;
  readonly pressure: Pressure;
  readonly queues: readonly QueueBacklog[];
  readonly modalities: readonly ModalityBacklog[];
  readonly history: {
    readonly stretchMs: number;
    readonly modalities: readonly BacklogPoint[];
    readonly pressure: readonly PressureChange[];
  };
}

export interface LagPoint {
  readonly at: string;
  readonly modality: Modality;
  readonly reached: number;
  readonly total: Percentiles;
}

export interface LagHistory {
  readonly window: string;
  readonly stretchMs: number;
  readonly modalities: readonly LagPoint[];
}

/** Each path that the page asks, and what it reads of the answer. */
export interface Answers {
  readonly '/v1/health': Health;
  readonly '/v1/quality-violations': Violations;
  readonly '/v1/sla': ServiceLevel;
  readonly '/v1/freshness': Freshness;
  readonly '/v1/sources': Models;
  readonly '/v1/backlog': Backlog;
  readonly '/v1/freshness/history': LagHistory;
}

/** Asks a path, with a query if need be. */
export type Ask = <Path extends keyof Answers>(path: Path, query?: string) => Promise<Answers[Path]>;

/** What is asked every few seconds. */
export interface Now {
  readonly health: Health;
  readonly violations: Violations;
  /** Budgets and what stands in each stage. */
  readonly level: ServiceLevel;
  readonly freshness: Freshness;
  readonly models: Models;
  readonly backlog: Backlog;
}

/** What one chart is drawn from. */
export interface Past {
  readonly lag: LagHistory;
  readonly backlog: Backlog;
}

/** A cell of a table, whose look follows from its tone; its words alone tell as much. */
export interface Cell {
  readonly text: string;
  readonly tone?: Tone;
  /** Of a bar beneath the text: 1 fills it. */
  readonly share?: number;
}
export type Tone = 'good' | 'bad' | 'warn' | 'quiet';

/** A row of a table: its first cell is its head. */
export type Row = readonly Cell[];
