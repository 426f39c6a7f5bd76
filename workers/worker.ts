import {
  Worker,
  type ActivityInboundCallsInterceptor,
  type NativeConnection,
  type WorkerOptions,
} from '@temporalio/worker';
import { activitiesFor } from '../activities/index.ts';
import type { ActivityDependencies } from '../activities/dependencies.ts';
import { FailureInterceptor } from '../activities/interceptor.ts';
import { StandingInterceptor } from '../activities/standing-interceptor.ts';
import { LineageInterceptor } from '../activities/lineage-interceptor.ts';
import type { Config } from '../src/config.ts';
import { WORKFLOW_QUEUES, type TaskQueue } from '../src/domain/task-queues.ts';
import { workflowBundle } from './bundle.ts';

/**
 * How many steps of a queue run at a time in one process. A heavy model on this machine gains nothing from more requests
 * than it has cores, a remote one takes many: that is a setting. Database steps wait for the network and may be many.
 */
function placesOf(queue: TaskQueue, { EARSHOT_AUDIO_STEPS, EARSHOT_VISION_STEPS }: WorkerSettings): number {
  return { intake: 400, audio: EARSHOT_AUDIO_STEPS, vision: EARSHOT_VISION_STEPS, embedding: 100, batch: 20 }[queue];
}

export type WorkerSettings = Pick<Config, 'TEMPORAL_NAMESPACE' | 'EARSHOT_AUDIO_STEPS' | 'EARSHOT_VISION_STEPS'>;

/** Workflow tasks of a process at a time. */
const WORKFLOW_TASKS = 200;

/** A worker that finishes its steps before it stops has this long; then they are handed back and retried elsewhere. */
const DRAIN = '20s';

/** The worker of one task queue; `inner` interceptors are the last ones before each step. */
export async function createWorker(
  queue: TaskQueue,
  connection: NativeConnection,
  settings: WorkerSettings,
  deps: ActivityDependencies,
  inner: readonly ActivityInboundCallsInterceptor[],
): Promise<Worker> {
  const interceptors = [
    new FailureInterceptor(deps.log, deps.metrics),
    new LineageInterceptor(deps.lineage),
    new StandingInterceptor(),
    ...inner,
  ];
  const options: WorkerOptions = {
    connection,
    namespace: settings.TEMPORAL_NAMESPACE,
    taskQueue: queue,
    maxConcurrentActivityTaskExecutions: placesOf(queue, settings),
    // A chat's task lasts until its batch is indexed: calls and screenshots must not wait for the last of forty.
    maxConcurrentWorkflowTaskExecutions: WORKFLOW_TASKS,
    maxConcurrentLocalActivityExecutions: placesOf(queue, settings),
    shutdownGraceTime: DRAIN,
    // One ring is one short task: polls beyond a few only cost the server.
    workflowTaskPollerBehavior: { type: 'autoscaling', initial: 2, minimum: 1, maximum: 10 },
    activityTaskPollerBehavior: { type: 'autoscaling', initial: 2, minimum: 1, maximum: 10 },
    interceptors: { activity: interceptors.map((inbound) => () => ({ inbound })) },
    activities: activitiesFor(queue, deps),
    ...(WORKFLOW_QUEUES.includes(queue) ? { workflowBundle: await workflowBundle() } : {}),
  };
  return Worker.create(options);
}
