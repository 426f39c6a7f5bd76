import type { ArtifactKind, Modality } from './interaction.ts';
import type { TaskQueue } from './task-queues.ts';

/** A run that makes derived data anew. All else about it is in its row. */
export interface ReplayRef {
  readonly tenant: string;
  readonly replayId: string;
}

export const REPLAY_STATES = ['running', 'paused', 'completed', 'cancelled'] as const;
export type ReplayState = (typeof REPLAY_STATES)[number];

/** Which records of the scope are taken: all, those made by other logic than today's, or those that lack something. */
export const REPLAY_SELECTIONS = ['all', 'stale', 'missing'] as const;
export type ReplaySelection = (typeof REPLAY_SELECTIONS)[number];

export const ARTIFACT_KINDS = ['message', 'transcript', 'screen_text', 'caption'] as const satisfies ArtifactKind[];

/**
 * How a record came out. `remade`: something of it was replaced. `repaired`: something that it lacked was made.
 * `unchanged`: nothing was to do. `held_back`: what was made anew would be quarantined, and what is in service is not.
 * `failed`: a part could not be made; what it had stays. `erased`: it is gone, or its key is.
 */
export const RECORD_OUTCOMES = ['remade', 'repaired', 'unchanged', 'held_back', 'failed', 'erased'] as const;
export type RecordOutcome = (typeof RECORD_OUTCOMES)[number];

/** A part of a record that could not be replaced; the code is one of src/domain/errors.ts or src/domain/quality.ts. */
export interface ReplayFailure {
  readonly interactionId: string;
  /** `record` when it failed as a whole. */
  readonly kind: ArtifactKind | 'record';
  readonly code: string;
}

export interface RemadeRecord {
  /** Nothing was done, or not all, for reprocessing has to wait: the record is to be asked for again. */
  readonly held?: true;
  readonly outcome: RecordOutcome;
  readonly failures: readonly ReplayFailure[];
}

/** Attempts at one record, some ten seconds in all: an outage that lasts longer is left to the next replay. */
export const REMAKE_ATTEMPTS = 4;

/** A record to be made anew, and the queue whose workers have the model for it. */
export interface ReplayItem {
  readonly interactionId: string;
  readonly queue: TaskQueue;
}

/** A place in the walk over records: time and id of the last one. The time is Postgres' own text of it. */
export interface ReplayCursor {
  readonly capturedAt: string;
  readonly interactionId: string;
}

/** The next records of the walk. */
export interface ReplayPage {
  /** Where the page before it ended; null for the first. */
  readonly after: ReplayCursor | null;
  /** Where this page ends; null when the walk is over. */
  readonly end: ReplayCursor | null;
  readonly seen: number;
  readonly items: readonly ReplayItem[];
  readonly parallel: number;
  readonly maxPerSecond: number;
}

/** Counts of records by outcome. */
export type OutcomeCounts = Readonly<Record<RecordOutcome, number>>;

export const NO_OUTCOMES: OutcomeCounts = {
  remade: 0,
  repaired: 0,
  unchanged: 0,
  held_back: 0,
  failed: 0,
  erased: 0,
};

export interface ReplayProgress extends OutcomeCounts {
  readonly state: ReplayState;
  readonly seen: number;
}

export const QUEUE_OF: Readonly<Record<Modality, TaskQueue>> = {
  chat: 'embedding',
  audio: 'audio',
  screenshot: 'vision',
};
