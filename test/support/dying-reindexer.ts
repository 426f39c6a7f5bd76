import { Context } from '@temporalio/activity';
import type { ActivityExecuteInput, ActivityInboundCallsInterceptor, Next } from '@temporalio/worker';
import { TASK_QUEUES } from '../../src/domain/task-queues.ts';
import { endProcess, runProcess } from '../../workers/run.ts';

/**
 * A worker that kills itself at a batch of a re-embedding: `after` the first, whose rows are committed and whose result
 * is not reported, or `before` the second, when all that was done has been reported.
 */
const moment = process.argv[2];
let batches = 0;

class Assassin implements ActivityInboundCallsInterceptor {
  async execute(input: ActivityExecuteInput, next: Next<ActivityInboundCallsInterceptor, 'execute'>): Promise<unknown> {
    if (Context.current().info.activityType !== 'fillVersion') return next(input);
    batches += 1;
    if (moment === 'before' && batches === 2) process.kill(process.pid, 'SIGKILL');
    const result = await next(input);
    if (moment === 'after') process.kill(process.pid, 'SIGKILL');
    return result;
  }
}

await runProcess({ api: false, queues: [...TASK_QUEUES], interceptors: [new Assassin()] }).catch(endProcess);
