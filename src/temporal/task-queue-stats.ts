import type { Client } from '@temporalio/client';
import proto, { type temporal } from '@temporalio/proto';
import { TASK_QUEUES, WORKFLOW_QUEUES, type TaskQueue } from '../domain/task-queues.ts';

/** What the server knows of a task queue. Tasks that workers get eagerly, or run locally, were never in one. */
export interface TaskQueueStats {
  readonly queue: TaskQueue;
  readonly kind: 'workflow' | 'activity';
  /** 0: of tasks of all priorities. */
  readonly priorityKey: number;
  readonly backlog: number;
  readonly oldestMs: number;
  /** Averages of the last 30 s. */
  readonly addedPerSecond: number;
  readonly dispatchedPerSecond: number;
}

type RawStats = temporal.api.taskqueue.v1.ITaskQueueStats;
const { TaskQueueType } = proto.temporal.api.enums.v1;

const KINDS = [
  ['workflow', TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW],
  ['activity', TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY],
] as const;

/** The longest that a look at one queue may take. */
const DEADLINE_MS = 3_000;

/** Looks at every task queue that has workers: as a whole, and by priority key where several are in use. */
export async function taskQueueStats(client: Client): Promise<TaskQueueStats[]> {
  const asked = TASK_QUEUES.flatMap((queue) =>
    KINDS.filter(([kind]) => kind === 'activity' || WORKFLOW_QUEUES.includes(queue)).map(([kind, type]) => ({
      queue,
      kind,
      type,
    })),
  );
  const found = await Promise.all(
    asked.map(async ({ queue, kind, type }) => {
      const { stats, statsByPriorityKey } = await client.connection.withDeadline(Date.now() + DEADLINE_MS, () =>
        client.connection.workflowService.describeTaskQueue({
          namespace: client.options.namespace,
          taskQueue: { name: queue },
          taskQueueType: type,
          reportStats: true,
        }),
      );
      const byKey = Object.entries(statsByPriorityKey ?? {});
      const of = (priorityKey: number, raw: RawStats) => ({ queue, kind, priorityKey, ...figuresOf(raw) });
      return [of(0, stats ?? {}), ...(byKey.length < 2 ? [] : byKey.map(([key, raw]) => of(Number(key), raw)))];
    }),
  );
  return found.flat();
}

function figuresOf(
  raw: RawStats,
): Pick<TaskQueueStats, 'backlog' | 'oldestMs' | 'addedPerSecond' | 'dispatchedPerSecond'> {
  const age = raw.approximateBacklogAge;
  return {
    // The server's count is approximate and has been seen to fall below 0.
    backlog: Math.max(0, Number(raw.approximateBacklogCount ?? 0)),
    oldestMs: Math.max(0, Number(age?.seconds ?? 0) * 1_000 + Number(age?.nanos ?? 0) / 1_000_000),
    addedPerSecond: raw.tasksAddRate ?? 0,
    dispatchedPerSecond: raw.tasksDispatchRate ?? 0,
  };
}
