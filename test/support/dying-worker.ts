import { Context } from '@temporalio/activity';
import type { ActivityExecuteInput, ActivityInboundCallsInterceptor, Next } from '@temporalio/worker';
import { endProcess, runProcess } from '../../workers/run.ts';

/**
 * A worker of erasures that each argument, `ERASURE=STEP/before` or `ERASURE=STEP/after`, has stop at a step: before it
 * has any effect, or when it has all and has not been reported. When every erasure is there, the process kills itself.
 */
const plan = new Map(process.argv.slice(2).map((argument) => argument.split('=') as [string, string]));
const arrived = new Set<string>();

class DeathRow implements ActivityInboundCallsInterceptor {
  async execute(input: ActivityExecuteInput, next: Next<ActivityInboundCallsInterceptor, 'execute'>): Promise<unknown> {
    const { activityType } = Context.current().info;
    const { erasureId } = input.args[0] as { erasureId: string };
    const [step, moment] = plan.get(erasureId)?.split('/') ?? [];
    if (step !== activityType) return next(input);
    if (moment === 'after') await next(input);
    return wait(erasureId);
  }
}

/** Nothing is reported from here any more but heartbeats, lest the server gives the step to someone else. */
async function wait(erasureId: string): Promise<never> {
  arrived.add(erasureId);
  if (arrived.size === plan.size) process.kill(process.pid, 'SIGKILL');
  const context = Context.current();
  setInterval(() => context.heartbeat(), 5_000);
  return context.cancelled;
}

await runProcess({ api: false, queues: ['batch'], interceptors: [new DeathRow()] }).catch(endProcess);
