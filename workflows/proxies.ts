import { proxyActivities, proxyLocalActivities, type RetryPolicy } from '@temporalio/workflow';
import type {
  AudioActivities,
  CanaryActivities,
  ChatActivities,
  CaptionActivities,
  EmbeddingActivities,
  ErasureActivities,
  HistoryActivities,
  IntakeActivities,
  RemakeActivities,
  ReplayActivities,
  QualityActivities,
  ReconciliationActivities,
  ReindexActivities,
  ResidueActivities,
  RetentionActivities,
  SupersededActivities,
  VerificationActivities,
  VisionActivities,
} from '../src/domain/activities.ts';
import { REMAKE_ATTEMPTS } from '../src/domain/replay.ts';
import type { TaskQueue } from '../src/domain/task-queues.ts';

/**
 * Failures that are not to be retried say so themselves (src/domain/errors.ts). The rest, an endpoint that is down or
 * asks to wait, is retried for a day: then the record is marked as failed, with its reason, and can be rung again.
 */
const patient: RetryPolicy = { initialInterval: '500ms', backoffCoefficient: 2, maximumInterval: '1m' };
const A_DAY = '24h';

/** Short database steps. They end within a workflow task; the retry covers a restart of Postgres. */
export const intake = proxyLocalActivities<IntakeActivities>({
  startToCloseTimeout: '10s',
  scheduleToCloseTimeout: A_DAY,
  retry: { initialInterval: '100ms', backoffCoefficient: 2, maximumInterval: '10s' },
  localRetryThreshold: '1m',
});

/** Ends by its own deadline long before these; what it cannot do in time it leaves to an activity. */
export const chat = proxyLocalActivities<ChatActivities>({
  startToCloseTimeout: '1m',
  retry: { initialInterval: '100ms', maximumAttempts: 3 },
});

/** A whole compressed recording may take long, so a heartbeat tells a lost worker from a slow model. */
export function audio(summary: string): AudioActivities {
  return proxyActivities<AudioActivities>({
    taskQueue: 'audio',
    startToCloseTimeout: '20m',
    heartbeatTimeout: '15s',
    scheduleToCloseTimeout: A_DAY,
    retry: patient,
    summary,
  });
}

export function vision(summary: string): VisionActivities {
  return proxyActivities<VisionActivities>({
    taskQueue: 'vision',
    startToCloseTimeout: '5m',
    heartbeatTimeout: '15s',
    scheduleToCloseTimeout: A_DAY,
    retry: patient,
    summary,
  });
}

export function embedding(summary: string): EmbeddingActivities {
  return proxyActivities<EmbeddingActivities>({
    taskQueue: 'embedding',
    startToCloseTimeout: '2m',
    heartbeatTimeout: '15s',
    scheduleToCloseTimeout: A_DAY,
    retry: patient,
    summary,
  });
}

/**
 * Hundreds of conversations, behind live steps. The priority is said here too, for a run that continues another may not
 * have it; whose turn it is among tenants is inherited from the run.
 */
export function history(summary: string): HistoryActivities {
  return proxyActivities<HistoryActivities>({
    taskQueue: 'embedding',
    startToCloseTimeout: '10m',
    heartbeatTimeout: '15s',
    scheduleToCloseTimeout: A_DAY,
    retry: patient,
    priority: { priorityKey: 4 },
    summary,
  });
}

/** Steps of an erasure page through all of a customer and heartbeat at each page. */
const batch = {
  taskQueue: 'batch',
  startToCloseTimeout: '1h',
  heartbeatTimeout: '30s',
  retry: { initialInterval: '500ms', backoffCoefficient: 2, maximumInterval: '1m' },
} as const;

/** Gives up after some three minutes, so that the workflow can tell what holds it up; then it tries again. */
export function erasure(summary: string): ErasureActivities {
  return proxyActivities<ErasureActivities>({ ...batch, retry: { ...batch.retry, maximumAttempts: 10 }, summary });
}

export function verification(summary: string): VerificationActivities {
  return proxyActivities<VerificationActivities>({ ...batch, summary });
}

export function residue(summary: string): ResidueActivities {
  return proxyActivities<ResidueActivities>({ ...batch, startToCloseTimeout: '12h', summary });
}

export function retention(summary: string): RetentionActivities {
  return proxyActivities<RetentionActivities>({ ...batch, summary });
}

/** Below all that comes in, of which each step has the priority 3. */
const LAST = { priorityKey: 5 } as const;

export function replaying(summary: string): ReplayActivities {
  return proxyActivities<ReplayActivities>({ ...batch, priority: LAST, summary });
}

/** A recording of hours is heard by one step, which keeps each piece. It fails soon: what is in service stays. */
export function remaking(taskQueue: TaskQueue, summary: string): RemakeActivities {
  return proxyActivities<RemakeActivities>({
    taskQueue,
    startToCloseTimeout: '12h',
    heartbeatTimeout: '15s',
    retry: { initialInterval: '1s', backoffCoefficient: 2, maximumInterval: '1m', maximumAttempts: REMAKE_ATTEMPTS },
    priority: LAST,
    summary,
  });
}

/** Finding and closing what gave way under pressure; nobody waits for it. */
export function deferred(summary: string): CaptionActivities {
  return proxyActivities<CaptionActivities>({ ...batch, priority: LAST, summary });
}

/** A record's own steps, behind all that comes in. They give up soon: what is left is looked for again. */
const later = {
  startToCloseTimeout: '5m',
  heartbeatTimeout: '15s',
  retry: { initialInterval: '1s', backoffCoefficient: 2, maximumInterval: '1m', maximumAttempts: REMAKE_ATTEMPTS },
  priority: LAST,
} as const;

export function laterAudio(summary: string): AudioActivities {
  return proxyActivities<AudioActivities>({ ...later, startToCloseTimeout: '20m', taskQueue: 'audio', summary });
}

export function laterVision(summary: string): VisionActivities {
  return proxyActivities<VisionActivities>({ ...later, taskQueue: 'vision', summary });
}

export function laterEmbedding(summary: string): EmbeddingActivities {
  return proxyActivities<EmbeddingActivities>({ ...later, taskQueue: 'embedding', summary });
}

export function superseded(summary: string): SupersededActivities {
  return proxyActivities<SupersededActivities>({ ...batch, summary });
}

/** Short database steps that nobody waits for; a run over the windows of counts pages and heartbeats. */
export function quality(summary: string): QualityActivities {
  return proxyActivities<QualityActivities>({ ...batch, startToCloseTimeout: '10m', summary });
}

export function canaries(summary: string): CanaryActivities {
  return proxyActivities<CanaryActivities>({ ...batch, summary });
}

export function reconciliation(summary: string): ReconciliationActivities {
  return proxyActivities<ReconciliationActivities>({
    ...batch,
    retry: { ...batch.retry, maximumAttempts: 20 },
    summary,
  });
}

/**
 * Behind all else that waits in its queue. A lost worker is noticed in seconds, for a switch may wait for it; gives up
 * after some three minutes, so that the workflow can tell what holds it up.
 */
export function reindexing(summary: string): ReindexActivities {
  return proxyActivities<ReindexActivities>({
    ...batch,
    startToCloseTimeout: '24h',
    heartbeatTimeout: '10s',
    retry: { ...batch.retry, maximumAttempts: 10 },
    priority: LAST,
    summary,
  });
}
