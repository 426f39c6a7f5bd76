import { Context } from '@temporalio/activity';
import { ApplicationFailure, CancelledFailure } from '@temporalio/common';
import type { ActivityExecuteInput, ActivityInboundCallsInterceptor, Next } from '@temporalio/worker';
import { EarshotError } from '../src/domain/errors.ts';
import { errorForLog, type Logger } from '../src/observe/log.ts';
import type { Metrics } from '../src/observe/metrics.ts';

/**
 * Turns errors into what the workflow's retry policy reads, in one place: the code is the failure's type, and errors
 * that cannot heal are not retried. Messages of foreign errors and stack traces do not enter history.
 */
export class FailureInterceptor implements ActivityInboundCallsInterceptor {
  readonly #log: Logger;
  readonly #metrics: Metrics;

  constructor(log: Logger, metrics: Metrics) {
    this.#log = log;
    this.#metrics = metrics;
  }

  async execute(input: ActivityExecuteInput, next: Next<ActivityInboundCallsInterceptor, 'execute'>): Promise<unknown> {
    try {
      return await next(input);
    } catch (error) {
      if (Context.current().cancellationSignal.aborted) throw new CancelledFailure('the step was cancelled');
      throw this.#failure(error);
    }
  }

  #failure(error: unknown): ApplicationFailure {
    const { activityType, attempt, workflowExecution } = Context.current().info;
    const { code, reason } = errorForLog(error);
    const told = { activity: activityType, attempt, workflowId: workflowExecution?.workflowId, code, reason };
    if (code === 'handed_back') this.#log.info(told, 'step handed back');
    else {
      this.#metrics.activityFailures.inc({ activity: activityType, code });
      this.#log.warn(told, 'step failed');
    }
    const known = error instanceof EarshotError ? error : undefined;
    const failure = ApplicationFailure.create({
      type: code,
      message: reason,
      nonRetryable: known?.retryable === false,
      ...(known?.retryAfterMs === undefined ? {} : { nextRetryDelay: known.retryAfterMs }),
    });
    // The stack would name files of the machine and say nothing that the code does not.
    failure.stack = `${code}: ${reason}`;
    return failure;
  }
}
