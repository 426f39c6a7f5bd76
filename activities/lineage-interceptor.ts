import { Context } from '@temporalio/activity';
import type { ActivityExecuteInput, ActivityInboundCallsInterceptor, Next } from '@temporalio/worker';
import { attemptRunId } from '../src/domain/ids.ts';
import type { Lineage } from '../src/lineage/emitter.ts';
import { LINEAGE_JOBS, type LineageJob } from '../src/lineage/jobs.ts';
import type { LineageRun } from '../src/lineage/run-events.ts';
import { tellRun } from '../src/lineage/tell-run.ts';
import { tenantOf } from './tenant-of.ts';

/** Tells of every step that makes data when it starts and how it ends, as OpenLineage events. */
export class LineageInterceptor implements ActivityInboundCallsInterceptor {
  readonly #lineage: Lineage;

  constructor(lineage: Lineage) {
    this.#lineage = lineage;
  }

  async execute(input: ActivityExecuteInput, next: Next<ActivityInboundCallsInterceptor, 'execute'>): Promise<unknown> {
    const { info, cancellationSignal } = Context.current();
    const job = LINEAGE_JOBS.get(info.activityType);
    if (job === undefined) return next(input);
    const [request] = input.args;
    const run = currentAttempt(tenantOf(request), job, info.activityType);
    return tellRun(
      this.#lineage,
      run,
      request,
      () => next(input),
      () => cancellationSignal.aborted,
    );
  }
}

/** The attempt that this step is, or a piece of work of its own that it leaves behind. */
export function currentAttempt(tenant: string | null, job: LineageJob, jobName: string, piece = ''): LineageRun {
  const { activityId, attempt, workflowExecution, workflowType } = Context.current().info;
  const workflowRunId = workflowExecution?.runId ?? '';
  const run = { tenant, job, jobName, runId: attemptRunId(workflowRunId, `${activityId}${piece}`, attempt) };
  if (workflowExecution === undefined || workflowType === undefined) return run;
  return { ...run, parent: { runId: workflowRunId, jobName: workflowType } };
}
