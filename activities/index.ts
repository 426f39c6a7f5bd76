import type {
  AudioActivities,
  CanaryActivities,
  ChatActivities,
  CaptionActivities,
  EmbeddingActivities,
  HistoryActivities,
  IntakeActivities,
  QualityActivities,
  ReconciliationActivities,
  ReindexActivities,
  VisionActivities,
} from '../src/domain/activities.ts';
import type { TaskQueue } from '../src/domain/task-queues.ts';
import type { ActivityDependencies } from './dependencies.ts';
import { batchActivities, type BatchActivities } from './erasure/index.ts';
import { captionActivities } from './deferred-captions.ts';
import { canaryActivities } from './canary/index.ts';
import { embeddingActivities } from './index-chunks.ts';
import { historyActivities } from './index-history.ts';
import { chatActivities } from './index-messages.ts';
import { intakeActivities } from './intake.ts';
import { qualityActivities } from './quarantine.ts';
import { reconciliationActivities } from './reconcile/index.ts';
import { reindexActivities } from './reindex/index.ts';
import { visionActivities } from './read-screen.ts';
import { remakeActivities, replayActivities } from './replay/index.ts';
import { audioActivities } from './transcribe.ts';

type Batch = BatchActivities &
  CanaryActivities &
  CaptionActivities &
  QualityActivities &
  ReconciliationActivities &
  ReindexActivities;
type Activities =
  | AudioActivities
  | Batch
  | ChatActivities
  | EmbeddingActivities
  | HistoryActivities
  | IntakeActivities
  | VisionActivities;

/** What the worker of each queue can do. */
export function activitiesFor(queue: TaskQueue, deps: ActivityDependencies): Activities {
  switch (queue) {
    case 'intake':
      return { ...intakeActivities(deps), ...chatActivities(deps) };
    case 'audio':
      return { ...audioActivities(deps), ...remakeActivities(deps) };
    case 'vision':
      return { ...visionActivities(deps), ...remakeActivities(deps) };
    case 'embedding':
      return { ...embeddingActivities(deps), ...historyActivities(deps), ...remakeActivities(deps) };
    case 'batch':
      return {
        ...batchActivities(deps),
        ...replayActivities(deps),
        ...qualityActivities(deps),
        ...canaryActivities(deps),
        ...captionActivities(deps),
        ...reconciliationActivities(deps),
        ...reindexActivities(deps),
      };
  }
}
