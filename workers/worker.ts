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
import { WORKFLOW_QUEUES, type TaskQueue } from '../src/domain/task-queues.ts';
import { workflowBundle } from './bundle.ts';

/**
 * How many steps of a queue run at a time in one process. Heavy models gain nothing from more requests than they have
 * cores; database steps wait for the network and may be many.
 */
const CONCURRENCY: Readonly<Record<TaskQueue, number>> = {
  intake: 400,
  audio: 4,
  vision: 4,
  embedding: 100,
  batch: 20,
};

/** A worker that finishes its steps before it stops has this long; then they are handed back and retried elsewhere. */
const DRAIN = '20s';

/** The worker of one task queue; `inner` interceptors are the last ones before each step. */
export async function createWorker(
  queue: TaskQueue,
  connection: NativeConnection,
  namespace: string,
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
    namespace,
    taskQueue: queue,
    maxConcurrentActivityTaskExecutions: CONCURRENCY[queue],
    maxConcurrentLocalActivityExecutions: CONCURRENCY[queue],
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
