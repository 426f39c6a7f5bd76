import type {
  AudioActivities,
  CanaryActivities,
  ChatActivities,
  CaptionActivities,
  EmbeddingActivities,
  ErasureActivities,
  HistoryActivities,
  IntakeActivities,
  QualityActivities,
  ReconciliationActivities,
  ReindexActivities,
  RemakeActivities,
  ReplayActivities,
  ResidueActivities,
  RetentionActivities,
  SupersededActivities,
  VerificationActivities,
  VisionActivities,
} from '../domain/activities.ts';
import type { StoreCounts } from '../domain/erasure.ts';
import type { DatasetKey } from './datasets.ts';
import type { RunNotes } from './run-notes.ts';

/** A step that makes or deletes data, in OpenLineage's words a job. */
export interface LineageJob<Request = unknown, Answer = unknown> {
  readonly processing: 'STREAMING' | 'BATCH';
  readonly reads: readonly DatasetKey[];
  readonly writes: readonly DatasetKey[];
  /** What answer and request tell of what was done, besides what the step itself notes. */
  told?(answer: Answer, request: Request): Partial<RunNotes>;
}

type Steps = AudioActivities &
  CanaryActivities &
  ChatActivities &
  CaptionActivities &
  EmbeddingActivities &
  ErasureActivities &
  HistoryActivities &
  IntakeActivities &
  QualityActivities &
  ReconciliationActivities &
  ReindexActivities &
  RemakeActivities &
  ReplayActivities &
  ResidueActivities &
  RetentionActivities &
  SupersededActivities &
  VerificationActivities &
  VisionActivities;

type JobOf<Step> = Step extends (request: infer Request) => Promise<infer Answer> ? LineageJob<Request, Answer> : never;

const recognition: LineageJob = { processing: 'STREAMING', reads: ['raw'], writes: ['artifact', 'chunk'] };
const mediaRedaction: LineageJob = { processing: 'STREAMING', reads: ['raw', 'artifact'], writes: ['redacted_media'] };
const embedding: LineageJob = { processing: 'STREAMING', reads: ['chunk'], writes: ['embedding'] };
const quarantine: LineageJob = { processing: 'BATCH', reads: ['artifact'], writes: ['artifact', 'chunk'] };
/** Answers how many rows or objects went, by store. */
const deletion: LineageJob<unknown, StoreCounts> = {
  processing: 'BATCH',
  reads: [],
  writes: [],
  told: (deleted) => ({ deleted }),
};

/** Reads, plans, waits, measures, or keeps the books of runs, erasures and certificates. */
const MAKES_NO_DATA = null;

/** Every activity by its name: which data it makes, or that it makes none. One that is not here is a type error. */
export const STEPS: { readonly [Name in keyof Steps]: JobOf<Steps[Name]> | null } = {
  // What comes in. A failed piece is told of by the step that failed.
  takeCallWork: MAKES_NO_DATA,
  takeScreenshotWork: MAKES_NO_DATA,
  sleepUnlessRung: MAKES_NO_DATA,
  recordFailure: MAKES_NO_DATA,
  planPieces: MAKES_NO_DATA,
  transcribePiece: recognition,
  redactSound: mediaRedaction,
  readScreenText: recognition,
  captionScreen: recognition,
  redactPicture: mediaRedaction,
  indexArtifacts: embedding,
  indexMessages: embedding,
  indexMessagesAtOnce: embedding,
  indexHistory: embedding,

  // Captions that gave way under pressure.
  findDeferredCaptions: MAKES_NO_DATA,
  closeDeferredCaption: MAKES_NO_DATA,

  // Replays.
  openReplay: MAKES_NO_DATA,
  nextReplayPage: MAKES_NO_DATA,
  remakeRecord: {
    processing: 'BATCH',
    reads: ['interaction', 'raw', 'artifact'],
    writes: ['artifact', 'chunk', 'embedding', 'redacted_media'],
    told: ({ outcome }) => ({
      assertions: [{ dataset: 'interaction', assertion: 'can_be_made_anew', success: outcome !== 'failed' }],
    }),
  },
  noteReplayPage: MAKES_NO_DATA,
  noteReplayState: MAKES_NO_DATA,
  dropSuperseded: { ...deletion, told: (artifacts) => ({ deleted: { 'postgres.artifact': artifacts } }) },

  // Index versions. An index is no data, and a version that is dropped goes with its table.
  prepareVersion: MAKES_NO_DATA,
  surveyVersion: MAKES_NO_DATA,
  fillVersion: {
    processing: 'BATCH',
    reads: ['chunk'],
    writes: ['embedding'],
    told: ({ counts }) => ({
      assertions: [{ dataset: 'chunk', assertion: 'embedding_model_accepts_it', success: counts.failed === 0 }],
    }),
  },
  clearFailures: MAKES_NO_DATA,
  buildVersionIndex: MAKES_NO_DATA,
  measureVersion: MAKES_NO_DATA,
  // Writes nothing: from its end on, questions are answered from these vectors.
  switchToVersion: {
    processing: 'BATCH',
    reads: ['embedding'],
    writes: [],
    told: (switched, { indexVersion }) => (switched ? { versions: { live_index: String(indexVersion) } } : {}),
  },
  awaitWriters: MAKES_NO_DATA,
  readPair: MAKES_NO_DATA,
  noteReindex: MAKES_NO_DATA,
  dropVersion: MAKES_NO_DATA,
  collectVersions: MAKES_NO_DATA,
  findRebuildDue: MAKES_NO_DATA,
  sealFresh: MAKES_NO_DATA,
  rebuildVersionIndex: MAKES_NO_DATA,

  // Quality.
  applyDecision: quarantine,
  closeDecision: MAKES_NO_DATA,
  findMoves: MAKES_NO_DATA,
  applyMove: quarantine,
  noteReevaluation: MAKES_NO_DATA,
  recordUnindexed: MAKES_NO_DATA,
  rollUp: {
    processing: 'BATCH',
    reads: ['interaction', 'artifact'],
    writes: ['rollup_hour', 'rollup_correction'],
    told: ({ windows, corrections }) => ({
      made: { rollup_hour: windows - corrections, rollup_correction: corrections },
    }),
  },

  // Canaries come in by the API, which tells of them.
  openCanaries: MAKES_NO_DATA,
  plantCanaries: MAKES_NO_DATA,
  watchCanary: MAKES_NO_DATA,
  cleanUpCanaries: { processing: 'BATCH', reads: [], writes: [] },

  // Reconciliation: its repairs are data.
  openReconciliations: MAKES_NO_DATA,
  checkIndexes: MAKES_NO_DATA,
  compareSlice: {
    processing: 'BATCH',
    reads: ['interaction', 'artifact', 'chunk'],
    writes: ['artifact', 'chunk', 'embedding'],
    told: ({ report }) => ({ deleted: { 'postgres.lineage_edge': report.orphansRemoved?.['lineage'] ?? 0 } }),
  },
  compareObjects: {
    processing: 'BATCH',
    reads: ['interaction', 'raw'],
    writes: [],
    told: ({ orphansRemoved: { raw = 0, vector = 0 } = {} }) => ({
      deleted: { 'raw.versions': raw, 'postgres.embedding': vector },
    }),
  },
  awaitReopened: MAKES_NO_DATA,
  closeReconciliation: MAKES_NO_DATA,

  // Erasures. Keys, tombstones and executions of workflows are no data; a rewrite of tables changes none.
  openErasure: MAKES_NO_DATA,
  raiseFence: MAKES_NO_DATA,
  cancelScheduled: MAKES_NO_DATA,
  writeLedger: MAKES_NO_DATA,
  stopRuns: MAKES_NO_DATA,
  markRecords: MAKES_NO_DATA,
  countBefore: MAKES_NO_DATA,
  destroyKeys: MAKES_NO_DATA,
  deleteRuns: MAKES_NO_DATA,
  deleteRows: deletion,
  deleteObjects: deletion,
  awaitRuns: MAKES_NO_DATA,
  clearResidue: MAKES_NO_DATA,
  verifyErasure: MAKES_NO_DATA,
  certify: MAKES_NO_DATA,
  lookAgain: MAKES_NO_DATA,
  rewritePostponed: MAKES_NO_DATA,
  openRetention: MAKES_NO_DATA,
  markExpired: MAKES_NO_DATA,
  countExpired: MAKES_NO_DATA,
  deleteExpired: deletion,
  verifyExpired: MAKES_NO_DATA,
};

/**
 * Jobs that are no activity: the API's intake, a redacted copy that is made when it is asked for, and what a step has
 * written beside it without anybody's waiting.
 */
export const ACCEPT: LineageJob = {
  processing: 'STREAMING',
  reads: [],
  writes: ['interaction', 'raw', 'artifact', 'chunk'],
};
export const REDACT_MEDIA: LineageJob = mediaRedaction;
export const WRITE_BESIDE: LineageJob = embedding;

/** Every job that is told of, by its name. */
export const LINEAGE_JOBS: ReadonlyMap<string, LineageJob> = new Map([
  ['accept', ACCEPT],
  ['redactMedia', REDACT_MEDIA],
  ['writeBeside', WRITE_BESIDE],
  ...Object.entries(STEPS).filter((step): step is [string, LineageJob] => step[1] !== null),
]);
