/** What crosses the border of a workflow: ids, counts and times; never text, bytes or a customer's own id. */

export interface SessionRef {
  readonly tenant: string;
  readonly sessionId: string;
}

export interface ConversationRef extends SessionRef {
  /** Index within the workflow task. Absent in runs that were started before there was such a step. */
  readonly inOneTask?: true;
}

/** Names under which workflows are registered and started. */
export const WORKFLOW_TYPE = { chat: 'conversation', call: 'call', screenshot: 'screenshot' } as const;

/** The doorbell: something new is in the log. It carries nothing; the workflow looks for itself. */
export const RING_SIGNAL = 'ring';

/** Asks a workflow where it stands. */
export const PROGRESS_QUERY = 'progress';

/** Registered names of the workflows that are no session's. */
export const ERASURE_WORKFLOW = 'eraseCustomer';
export const VERIFICATION_WORKFLOW = 'verifyErasure';
export const RETENTION_WORKFLOW = 'retention';
export const RESIDUE_WORKFLOW = 'residueWindow';
export const CANARY_WORKFLOW = 'canary';
export const RECONCILIATION_WORKFLOW = 'reconcile';

/** Makes derived data anew, and drops what it replaced when its time is over. */
export const REPLAY_WORKFLOW = 'replay';
export const SUPERSEDED_WORKFLOW = 'dropSuperseded';
export const REDO_CAPTIONS_WORKFLOW = 'redoCaptions';

/** Indexes what waits of a tenant's history, many conversations at a time. */
export const HISTORY_WORKFLOW = 'historyLane';

export interface HistoryLaneInput {
  readonly tenant: string;
  /** Of the runs before, when this one continues them. */
  readonly before?: HistoryProgress;
}

/** What a lane has done since it was rung, for operators. */
export interface HistoryProgress {
  readonly messages: number;
  readonly batches: number;
  /** Conversations that failed and were left to runs of their own. */
  readonly left: number;
}

export function historyWorkflowId(tenant: string): string {
  return `history/${tenant}`;
}

/** The search attribute by which operators find a tenant's runs. */
export const TENANT_ATTRIBUTE = 'tenant';

export function replayWorkflowId(replayId: string): string {
  return `replay/${replayId}`;
}

export const REINDEX_WORKFLOW = 'reindex';
export const MAINTAIN_INDEX_WORKFLOW = 'maintainIndexVersions';

/** Builds HNSW indexes for fresh vectors. */
export const SEAL_INDEX_WORKFLOW = 'sealIndex';

/** What operators tell a run that replays, or that builds or keeps an index version. */
export const PAUSE_SIGNAL = 'pause';
export const RESUME_SIGNAL = 'resume';
export const CANCEL_SIGNAL = 'cancel';
/** Update that has a version answer queries, if its figures allow it. */
export const ACTIVATE_UPDATE = 'activate';

export function reindexWorkflowId(indexVersion: number): string {
  return `reindex/${indexVersion}`;
}

/** Update that cancels an erasure within its grace period. */
export const CANCEL_ERASURE_UPDATE = 'cancel';

export function erasureWorkflowId(erasureId: string): string {
  return `erase/${erasureId}`;
}

export const QUARANTINE_WORKFLOW = 'decideQuarantined';
export const REEVALUATION_WORKFLOW = 'reevaluateQuality';
export const ROLLUP_WORKFLOW = 'rollup';

export function quarantineWorkflowId(artifactId: string): string {
  return `quarantine/${artifactId}`;
}

export function reevaluationWorkflowId(reevaluationId: string): string {
  return `reevaluate/${reevaluationId}`;
}
