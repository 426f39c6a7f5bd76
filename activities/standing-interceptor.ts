import { Context } from '@temporalio/activity';
import type { ActivityExecuteInput, ActivityInboundCallsInterceptor, Next } from '@temporalio/worker';
import type { TaskQueue } from '../src/domain/task-queues.ts';
import { withStanding, type Standing } from '../src/sources/background.ts';
import { tenantOf } from './tenant-of.ts';

const BATCH: TaskQueue = 'batch';

/** Default priority of Temporal's task queues. */
const DEFAULT_PRIORITY = 3;

/** Gives each step its standing among those that ask models: by its queue, its name and its priority. */
export class StandingInterceptor implements ActivityInboundCallsInterceptor {
  execute(input: ActivityExecuteInput, next: Next<ActivityInboundCallsInterceptor, 'execute'>): Promise<unknown> {
    const standing = standingOf(Context.current().info);
    const tenant = tenantOf(input.args[0]);
    return withStanding(tenant === null ? standing : { ...standing, tenant }, () => next(input));
  }
}

interface StepInfo {
  readonly taskQueue: string;
  readonly activityType: string;
  readonly priority?: { readonly priorityKey?: number | undefined } | undefined;
}

/**
 * Remaking a record runs beside live steps, on the queue of its model: it must not keep a place there throughout a pause,
 * and gives it back.
 */
function standingOf({ taskQueue, activityType, priority }: StepInfo): Standing {
  const batch = taskQueue === BATCH;
  const isLater = (priority?.priorityKey ?? DEFAULT_PRIORITY) > DEFAULT_PRIORITY;
  return { behindLive: batch || activityType === 'remakeRecord' || isLater, waitsOutPauses: batch };
}
