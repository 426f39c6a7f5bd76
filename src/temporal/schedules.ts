import { ScheduleAlreadyRunning, ScheduleOverlapPolicy, type Client } from '@temporalio/client';
import { RETENTION_WORKFLOW } from '../domain/workflows.ts';

/** Ids of the schedules, one of each in a namespace. */
export const RETENTION_SCHEDULE = 'retention';

/** Makes the schedules that the namespace lacks. Those that are there, and what an operator changed of them, stay. */
export async function ensureSchedules(client: Client): Promise<void> {
  try {
    await client.schedule.create({
      scheduleId: RETENTION_SCHEDULE,
      // In the night of most: a purge of many records competes with traffic for the disk.
      spec: { calendars: [{ hour: 3, minute: 0, comment: 'daily' }], jitter: '10m' },
      action: { type: 'startWorkflow', workflowType: RETENTION_WORKFLOW, taskQueue: 'batch', args: [] },
      // A run that was missed for less than a day is made up for, by one run.
      policies: { overlap: ScheduleOverlapPolicy.SKIP, catchupWindow: '1 day' },
    });
  } catch (error) {
    if (!(error instanceof ScheduleAlreadyRunning)) throw error;
  }
}
