import { Context } from '@temporalio/activity';
import type { ActivityExecuteInput, ActivityInboundCallsInterceptor, Next } from '@temporalio/worker';
import { attemptRunId } from '../src/domain/ids.ts';
import type { Lineage } from '../src/lineage/emitter.ts';
import { LINEAGE_JOBS, type LineageJob } from '../src/lineage/jobs.ts';
import type { LineageRun } from '../src/lineage/run-events.ts';
import { emptyNotes, withNotes } from '../src/lineage/run-notes.ts';
import { errorForLog } from '../src/observe/log.ts';

/** Tells of every step that makes data when it starts and how it ends, as OpenLineage events. */
export class LineageInterceptor implements ActivityInboundCallsInterceptor {
  readonly #lineage: Lineage;

  constructor(lineage: Lineage) {
    this.#lineage = lineage;
  }

  async execute(input: ActivityExecuteInput, next: Next<ActivityInboundCallsInterceptor, 'execute'>): Promise<unknown> {
    const { events } = this.#lineage;
    const job = LINEAGE_JOBS[Context.current().info.activityType];
    const tenant = tenantOf(input.args[0]);
    if (events === undefined || job === undefined || tenant === undefined) return next(input);
    const run = currentAttempt(tenant, job);
    const notes = emptyNotes();
    this.#lineage.emit(tenant, events.started(run));
    try {
      const result = await withNotes(notes, () => next(input));
      this.#lineage.emit(tenant, events.completed(run, notes, job.deletes ? (result as Record<string, number>) : {}));
      return result;
    } catch (error) {
      const cancelled = Context.current().cancellationSignal.aborted;
      this.#lineage.emit(tenant, cancelled ? events.aborted(run) : events.failed(run, errorForLog(error).code));
      throw error;
    }
  }
}

function currentAttempt(tenant: string, job: LineageJob): LineageRun {
  const { activityId, activityType, attempt, workflowExecution, workflowType } = Context.current().info;
  const workflowRunId = workflowExecution?.runId ?? '';
  const run = { tenant, job, jobName: activityType, runId: attemptRunId(workflowRunId, activityId, attempt) };
  if (workflowExecution === undefined || workflowType === undefined) return run;
  return { ...run, parent: { runId: workflowRunId, jobName: workflowType } };
}

/** Every step that makes data is asked with its tenant. */
function tenantOf(request: unknown): string | undefined {
  if (typeof request !== 'object' || request === null || !('tenant' in request)) return undefined;
  return typeof request.tenant === 'string' ? request.tenant : undefined;
}
