import type { CanaryOutcome, CanaryRef, PlantedCanary, PlantedRecord } from './canary.ts';
import type { ErasureRef, ErasureState, StoreCounts } from './erasure.ts';
import type { RemadeRecord, OutcomeCounts, ReplayFailure, ReplayPage, ReplayRef, ReplayState } from './replay.ts';
import type { ReconciliationRef, ReconciliationReport, ReconciliationScope, Slice } from './reconciliation.ts';
import type { Evidence, ReindexCounts, ReindexProgress, Shortfall } from './index-version.ts';
import type { RecognisedKind } from './quality.ts';
import type { SessionRef } from './workflows.ts';

/**
 * The contracts between workflows and activities. They live here, and not beside the activities, so that workflow code
 * sees no Node types. Claim check: ids, counts, versions, times; never text, audio, pictures or vectors.
 */

/** A piece of a recording, in milliseconds from its start. */
export interface AudioPiece {
  readonly index: number;
  readonly startMs: number;
  readonly endMs: number;
}

export interface InteractionRef {
  readonly tenant: string;
  readonly interactionId: string;
}

export interface AudioWorkItem {
  readonly interactionId: string;
  /** Whether the recording is long enough to be cut; else it is one piece. */
  readonly cut: boolean;
  readonly durationMs: number;
  /** How often an operator has had it run again: each time it is begun anew. Absent in old histories. */
  readonly attempt?: number;
}

export interface CallWork {
  /** Recordings and segments that are not finished, oldest first. */
  readonly items: readonly AudioWorkItem[];
  /** How many records had arrived when this was read. */
  readonly arrivals: number;
  /** Whether the end of the call is known and every announced segment has arrived. */
  readonly complete: boolean;
  /** Announced segments that have not arrived; 0 while the end is unknown. */
  readonly missingSegments: number;
  readonly piecesInParallel: number;
  /** How long to wait for a further segment or the end before the run closes. */
  readonly abandonedAfterMs: number;
}

export interface ScreenshotWork {
  readonly interactionIds: readonly string[];
  readonly arrivals: number;
}

export interface SleepRequest extends SessionRef {
  readonly arrivals: number;
}

export interface FailureRecord extends InteractionRef {
  /** `index`: recognised, but its vectors could not be made reachable. */
  readonly kind: 'transcript' | 'screen_text' | 'caption' | 'index';
  readonly piece: number;
  /** An error code of src/domain/errors.ts or a Temporal timeout, never a message. */
  readonly reason: string;
  /** The failure's message, which quotes nobody (activities/interceptor.ts). Absent in old histories. */
  readonly detail?: string;
}

/** Short database steps, run as local activities beside the workflow. */
export interface IntakeActivities {
  takeCallWork(session: SessionRef): Promise<CallWork>;
  takeScreenshotWork(session: SessionRef): Promise<ScreenshotWork>;
  /** Lets the session sleep unless something arrived since `arrivals` was read; answers whether it sleeps. */
  sleepUnlessRung(request: SleepRequest): Promise<boolean>;
  recordFailure(failure: FailureRecord): Promise<void>;
}

export interface PieceRequest extends InteractionRef {
  readonly piece: AudioPiece;
  /** Whether the piece is the whole recording, which then needs no cutting. */
  readonly whole: boolean;
}

/** What a recognition step leaves behind. */
export interface ArtifactResult {
  readonly artifactId: string;
  readonly state: 'active' | 'quarantined';
  readonly chunks: number;
  readonly confidence: number;
}

/** Whether a redacted copy of a record's media is there now; if not, none can be made of it as it is. */
export interface RedactionResult {
  readonly made: boolean;
}

export interface AudioActivities {
  planPieces(recording: InteractionRef): Promise<readonly AudioPiece[]>;
  transcribePiece(request: PieceRequest): Promise<ArtifactResult>;
  /** Once all pieces are done: a copy that is silent where redaction removed something. */
  redactSound(recording: InteractionRef): Promise<RedactionResult>;
}

export interface CaptionRequest extends InteractionRef {
  /** It is made also under pressure: nothing else of the screenshot can be found. */
  readonly needed?: true;
}

/** A caption, or that it gave way under pressure and is made later. Histories from before have captions alone. */
export type CaptionResult = (ArtifactResult & { readonly deferred?: undefined }) | { readonly deferred: true };

export interface VisionActivities {
  readScreenText(screenshot: InteractionRef): Promise<ArtifactResult>;
  captionScreen(screenshot: CaptionRequest): Promise<CaptionResult>;
  /** Once the text is read: a copy with what redaction removed masked. */
  redactPicture(screenshot: InteractionRef): Promise<RedactionResult>;
}

export interface IndexArtifactsRequest extends InteractionRef {
  readonly artifactIds: readonly string[];
}

/** Why a batch of messages was closed: the first does not wait, later ones wait for number or time. */
export type BatchClosedBy = 'first' | 'size' | 'time';

export interface IndexMessagesRequest extends SessionRef {
  /** Whether this is the first batch since the session woke. */
  readonly first: boolean;
}

export interface IndexMessagesResult {
  readonly messages: number;
  readonly closedBy: BatchClosedBy;
  /** Nothing was left and nothing had arrived: the session sleeps, the next message rings. */
  readonly asleep: boolean;
}

/** A batch of a tenant's history. */
export interface IndexHistoryRequest {
  readonly tenant: string;
  /** How long it has been held because of pressure. */
  readonly heldMs: number;
}

export interface IndexHistoryResult {
  readonly messages: number;
  readonly sessions: number;
  /** Sessions that failed, of themselves, and have a run of their own from now on. */
  readonly left: number;
  /** `now`: a whole batch was there. `later`: some is left, or it was held. `if rung`: nothing was left. */
  readonly again: 'now' | 'later' | 'if rung';
  readonly waitMs: number;
  /** How long it has been held with this wait; 0 when it was not. */
  readonly heldMs: number;
  /** After so many steps a run goes on as a new one. Older answers do not say. */
  readonly stepsPerRun?: number;
}

/** Work on many conversations at once, of which nothing but history waits. */
export interface HistoryActivities {
  indexHistory(request: IndexHistoryRequest): Promise<IndexHistoryResult>;
}

/** A batch that is left to the activity of the embedding queue. */
export interface DeferredBatch {
  readonly deferred: true;
}

/** The step of a conversation that needs no queue: a local activity, within the workflow task. */
export interface ChatActivities {
  indexMessagesAtOnce(request: IndexMessagesRequest): Promise<IndexMessagesResult | DeferredBatch>;
}

export interface EmbeddingActivities {
  indexArtifacts(request: IndexArtifactsRequest): Promise<{ readonly chunks: number }>;
  indexMessages(request: IndexMessagesRequest): Promise<IndexMessagesResult>;
}

/** How an erasure stands when its workflow begins, or begins again. */
export interface OpenedErasure {
  readonly state: ErasureState;
  /** Rest of the grace period. */
  readonly graceMs: number;
  readonly secondPassAfterMs: number;
}

/** A step that must not touch runs of conversations that go on and began after the erasure. */
export interface RunsRequest extends ErasureRef {
  /** RFC 3339, by Temporal's clock. */
  readonly startedBefore: string;
}

/** The steps of an erasure, each idempotent: what a repeated one finds gone is no error. Counts are of what it did. */
export interface ErasureActivities {
  openErasure(erasure: ErasureRef): Promise<OpenedErasure>;
  /** Answers the state after it: `refused` when a legal hold was placed during the grace period. */
  raiseFence(erasure: ErasureRef): Promise<ErasureState>;
  /** Answers whether it was cancelled; false when the fence is up. */
  cancelScheduled(erasure: ErasureRef): Promise<boolean>;
  writeLedger(erasure: ErasureRef): Promise<void>;
  stopRuns(request: RunsRequest): Promise<StoreCounts>;
  markRecords(erasure: ErasureRef): Promise<StoreCounts>;
  countBefore(request: RunsRequest): Promise<StoreCounts>;
  destroyKeys(erasure: ErasureRef): Promise<StoreCounts>;
  deleteRuns(request: RunsRequest): Promise<StoreCounts>;
  deleteRows(erasure: ErasureRef): Promise<StoreCounts>;
  deleteObjects(erasure: ErasureRef): Promise<StoreCounts>;
  awaitRuns(request: RunsRequest): Promise<void>;
  clearResidue(erasure: ErasureRef): Promise<StoreCounts>;
  /** Answers what is left, by store. `pass` 2 is the look after the longest possible late write. */
  verifyErasure(request: RunsRequest & { readonly pass: 1 | 2; readonly rounds: number }): Promise<StoreCounts>;
  certify(erasure: ErasureRef): Promise<void>;
}

/** A look for what should be gone, at any time after an erasure. */
export interface VerificationActivities {
  /** Answers what is there, by store; changes nothing. */
  lookAgain(erasure: ErasureRef): Promise<StoreCounts>;
}

/** What waits for a maintenance window. */
export interface ResidueActivities {
  /** Rewrites tables that erasures had to postpone, and certifies these again; answers how many. */
  rewritePostponed(): Promise<number>;
}

/** The steps of an erasure by age, each idempotent. */
export interface RetentionActivities {
  /** Opens an erasure for each tenant that holds something too old. */
  openRetention(): Promise<readonly ErasureRef[]>;
  markExpired(erasure: ErasureRef): Promise<StoreCounts>;
  countExpired(erasure: ErasureRef): Promise<StoreCounts>;
  deleteExpired(erasure: ErasureRef): Promise<StoreCounts>;
  clearResidue(erasure: ErasureRef): Promise<StoreCounts>;
  verifyExpired(erasure: ErasureRef): Promise<StoreCounts>;
  certify(erasure: ErasureRef): Promise<void>;
}

export interface RemakeRequest extends ReplayRef {
  readonly interactionId: string;
}

/** Makes what is derived of one record anew, on the queue of its model. */
export interface RemakeActivities {
  remakeRecord(request: RemakeRequest): Promise<RemadeRecord>;
}

export interface DoneReplayPage extends ReplayRef {
  readonly page: Omit<ReplayPage, 'items'>;
  readonly outcomes: OutcomeCounts;
  readonly failures: readonly ReplayFailure[];
}

/** The steps of a replay, each idempotent. */
export interface ReplayActivities {
  /** Answers its state; `cancelled` for one that is not there (any more). */
  openReplay(replay: ReplayRef): Promise<ReplayState>;
  nextReplayPage(replay: ReplayRef): Promise<ReplayPage>;
  noteReplayPage(done: DoneReplayPage): Promise<void>;
  noteReplayState(request: ReplayRef & { readonly state: ReplayState }): Promise<void>;
}

/** Screenshots whose captions gave way, and how many of them are captioned at a time. */
export interface DeferredCaptions {
  readonly items: readonly InteractionRef[];
  readonly parallel: number;
}

/** Makes captions later that gave way under pressure; each step is idempotent. */
export interface CaptionActivities {
  /** Answers none while there is pressure. */
  findDeferredCaptions(): Promise<DeferredCaptions>;
  /** The caption is there, or, with a failure, never will be: the record says so from now on. */
  closeDeferredCaption(request: {
    readonly record: InteractionRef;
    readonly failure: Omit<FailureRecord, 'tenant' | 'interactionId' | 'piece'> | null;
  }): Promise<void>;
}

export interface SupersededActivities {
  /** Drops what was replaced longer ago than it is kept; answers how many artifacts. */
  dropSuperseded(): Promise<number>;
}

/** An artifact of which an operator has decided what becomes of it. */
export interface QuarantineRef extends InteractionRef {
  readonly artifactId: string;
}

export interface ReevaluationRef {
  readonly tenant: string;
  readonly reevaluationId: string;
}

/** What changed thresholds ask for, page by page, in the order in which artifacts were made. */
export interface ReevaluationPage {
  readonly moves: readonly (QuarantineRef & {
    readonly move: 'release' | 'hold_back';
    /** Absent in older answers. */
    readonly kind?: RecognisedKind;
  })[];
  /** Whether what is let go would only find its model paused. Absent in older answers. */
  readonly paused?: boolean;
  /** Where the next page begins; null after the last. */
  readonly next: ReevaluationCursor | null;
}

export interface ReevaluationSearch extends ReevaluationRef {
  readonly after: ReevaluationCursor | null;
  /** Only what moves this way; both when absent. */
  readonly only?: 'release' | 'hold_back' | undefined;
}

export interface ReevaluationCursor {
  /** Postgres' own text of a time, which is finer than a millisecond. */
  readonly createdAt: string;
  readonly artifactId: string;
}

export interface ReevaluationCounts {
  readonly checked: number;
  readonly released: number;
  readonly heldBack: number;
}

/** What a run over the windows of counts did. */
export interface RollupResult {
  readonly windows: number;
  readonly revised: number;
  readonly corrections: number;
  readonly alarms: number;
}

/** Letting go of what was held back, holding back what was let go, and the counts of both; each idempotent. */
export interface QualityActivities {
  /** Carries out an operator's decision; answers what there is to index, if anything. Older answers say no more than that. */
  applyDecision(ref: QuarantineRef): Promise<boolean | RecognisedKind | 'message'>;
  closeDecision(ref: QuarantineRef): Promise<void>;
  findMoves(ref: ReevaluationSearch): Promise<ReevaluationPage>;
  /** Judges again and moves; answers whether there is something to index. */
  applyMove(move: ReevaluationPage['moves'][number] & ReevaluationRef): Promise<'index' | 'held_back' | 'stays'>;
  noteReevaluation(ref: ReevaluationRef & ReevaluationCounts & { readonly finished: boolean }): Promise<void>;
  /** The vectors of what was let go could not be made reachable; answers whether the decision waits for their model. */
  recordUnindexed(failure: Omit<FailureRecord, 'piece'> & { readonly artifactId: string }): Promise<boolean>;
  rollUp(): Promise<RollupResult>;
}

/** What one run has planted in a tenant. */
export interface PlantedCanaries {
  readonly canaries: readonly PlantedCanary[];
  readonly distractor: PlantedRecord | null;
}

/** The steps of canaries, each idempotent. */
export interface CanaryActivities {
  /** Answers the canaries of this run, one for each tenant. */
  openCanaries(): Promise<readonly CanaryRef[]>;
  plantCanaries(ref: CanaryRef): Promise<PlantedCanaries>;
  /** Looks until it is reachable or its time is over; raises or resolves a violation. */
  watchCanary(planted: PlantedCanary): Promise<CanaryOutcome>;
  /** Also removes what runs that crashed have left. */
  cleanUpCanaries(request: { readonly ref: CanaryRef; readonly planted: PlantedCanaries }): Promise<void>;
}

/** A comparison of one tenant's stores. */
export interface OpenedReconciliation extends ReconciliationRef {
  /** From the first record to compare to now; null when there is none. */
  readonly whole: Slice | null;
}

export interface SliceResult {
  readonly report: Partial<ReconciliationReport>;
  /** Records that were handed back to their workflows. */
  readonly reopened: readonly string[];
  /** What is left to compare; null when this was the last. */
  readonly rest: Slice | null;
}

/** The steps of a reconciliation, each idempotent. Reports hold what the step itself found and did. */
export interface ReconciliationActivities {
  /** Opens one for each tenant, or the one given. */
  openReconciliations(
    given: (ReconciliationRef & { readonly scope: ReconciliationScope }) | null,
  ): Promise<readonly OpenedReconciliation[]>;
  /** Looks at the indexes themselves, and mends them. */
  checkIndexes(ref: ReconciliationRef): Promise<Partial<ReconciliationReport>>;
  /** Compares the first part of a stretch of time, and repairs what differs. */
  compareSlice(request: { readonly ref: ReconciliationRef; readonly slice: Slice }): Promise<SliceResult>;
  /** Looks at raw objects, rings for records that wait for too long. */
  compareObjects(ref: ReconciliationRef): Promise<Partial<ReconciliationReport>>;
  /** Waits for records that were handed back; those that are not reachable then are unrepaired. */
  awaitReopened(request: {
    readonly ref: ReconciliationRef;
    readonly interactionIds: readonly string[];
  }): Promise<Partial<ReconciliationReport>>;
  /** Keeps the report, and raises or resolves violations. */
  closeReconciliation(request: {
    readonly ref: ReconciliationRef;
    readonly report: ReconciliationReport;
  }): Promise<void>;
}

export interface VersionRef {
  readonly indexVersion: number;
}

/** A version when its workflow begins, or begins again. */
export interface OpenedVersion {
  readonly state: 'building' | 'live' | 'retired' | 'dropped';
  /** Whether its HNSW index is there: it was filled once. */
  readonly indexed: boolean;
  /** Remakings of artifacts that come before the embedding. */
  readonly replays: readonly ReplayRef[];
}

/** Where a walk over all chunks of all tenants stands. */
export interface ChunkCursor {
  readonly tenant: string;
  readonly chunkId: string;
}

export interface FillRequest extends VersionRef {
  /** Null begins at the first chunk. */
  readonly after: ChunkCursor | null;
  /** What the run has done so far, to be told on. */
  readonly progress: ReindexProgress;
  /** Time that it has worked for that. */
  readonly workedMs: number;
}

export interface FillResult {
  readonly counts: ReindexCounts;
  /** Null at the end of all. */
  readonly after: ChunkCursor | null;
  /** The version was dropped meanwhile. */
  readonly gone: boolean;
}

export interface MeasureRequest extends VersionRef {
  /** RFC 3339: what was written later is not expected yet. */
  readonly asOf: string;
}

export interface Verdict {
  readonly evidence: Evidence;
  readonly shortfalls: readonly Shortfall[];
}

/** What an attempt to activate a version came to. */
export interface ActivationOutcome {
  readonly activated: boolean;
  readonly evidence: Evidence | null;
  readonly shortfalls: readonly Shortfall[];
}

/** The two versions that exist, as the workflow that keeps them sees them. */
export interface KeptPair {
  /** The version beside the live one; null when the live one is alone. */
  readonly beside: number | null;
  readonly live: number;
  /** Rest of the time in which the retired one can be gone back to; null for one that is being built. */
  readonly dropInMs: number | null;
}

/** The steps that build an index version, switch to it and drop what it replaces, each idempotent. */
export interface ReindexActivities {
  prepareVersion(version: VersionRef): Promise<OpenedVersion>;
  /** Counts what the version is to hold; answers it with the database's time, RFC 3339. */
  surveyVersion(version: VersionRef): Promise<{ readonly total: number; readonly asOf: string }>;
  fillVersion(request: FillRequest): Promise<FillResult>;
  clearFailures(version: VersionRef): Promise<void>;
  buildVersionIndex(version: VersionRef): Promise<void>;
  measureVersion(request: MeasureRequest): Promise<Verdict>;
  /** Answers false when the version is neither being built nor retired. */
  switchToVersion(version: VersionRef): Promise<boolean>;
  /** Waits until nobody takes another version for the live one any more. */
  awaitWriters(): Promise<void>;
  readPair(version: VersionRef): Promise<KeptPair>;
  noteReindex(request: VersionRef & { readonly progress: ReindexProgress }): Promise<void>;
  /** Ends a version that is being built, or a retired one whose time is over. */
  dropVersion(request: VersionRef & { readonly when: 'building' | 'expired' }): Promise<void>;
  /** Removes what belongs to no version; answers how many partitions. */
  collectVersions(): Promise<number>;
  /** Builds HNSW indexes for vectors that came since the last ones; answers how many. */
  sealFresh(): Promise<number>;
  /** The live version, when its index is older than it may be. */
  findRebuildDue(): Promise<number | null>;
  rebuildVersionIndex(
    version: VersionRef,
  ): Promise<{ readonly recallBefore: number | null; readonly recallAfter: number | null }>;
}
