import { ScheduleAlreadyRunning, ScheduleNotFoundError, ScheduleOverlapPolicy, type Client } from '@temporalio/client';

/** A workflow that is started every so often; 0 for never. */
export interface IntervalSchedule {
  readonly scheduleId: string;
  readonly workflowType: string;
  readonly everyMs: number;
}

/**
 * Makes a schedule be as it should: created, moved to another interval, or removed. That an operator paused it stays. A
 * run that is due while the last one goes on is left out, and one that was missed is not made up for: the next looks at
 * the same things.
 */
export async function keepInterval(client: Client, schedule: IntervalSchedule): Promise<void> {
  const handle = client.schedule.getHandle(schedule.scheduleId);
  if (schedule.everyMs === 0) return unlessMissing(handle.delete());
  const spec = { intervals: [{ every: schedule.everyMs }] };
  try {
    await client.schedule.create({
      scheduleId: schedule.scheduleId,
      spec,
      action: { type: 'startWorkflow', workflowType: schedule.workflowType, taskQueue: 'batch', args: [] },
      policies: { overlap: ScheduleOverlapPolicy.SKIP, catchupWindow: Math.max(10_000, schedule.everyMs) },
    });
  } catch (error) {
    if (!(error instanceof ScheduleAlreadyRunning)) throw error;
    await unlessMissing(handle.update((previous) => ({ ...previous, spec })));
  }
}

async function unlessMissing(call: Promise<void>): Promise<void> {
  await call.catch((error: unknown) => {
    if (!(error instanceof ScheduleNotFoundError)) throw error;
  });
}
