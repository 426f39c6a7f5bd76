import { ScheduleAlreadyRunning, ScheduleOverlapPolicy, type Client, type ScheduleOptions } from '@temporalio/client';
import {
  MAINTAIN_INDEX_WORKFLOW,
  RESIDUE_WORKFLOW,
  RETENTION_WORKFLOW,
  ROLLUP_WORKFLOW,
  SEAL_INDEX_WORKFLOW,
  SUPERSEDED_WORKFLOW,
} from '../domain/workflows.ts';

/** Ids of the schedules, one of each in a namespace. */
export const RETENTION_SCHEDULE = 'retention';
export const RESIDUE_SCHEDULE = 'residue-window';
export const SUPERSEDED_SCHEDULE = 'drop-superseded';
export const ROLLUP_SCHEDULE = 'rollup';
export const SEAL_INDEX_SCHEDULE = 'seal-index';
export const INDEX_VERSIONS_SCHEDULE = 'index-versions';

/**
 * Makes the schedules that the namespace lacks. Those that are there, and what an operator changed of them, stay. In the
 * night of most: a purge of many records competes with traffic for the disk; residue follows it.
 */
export async function ensureSchedules(client: Client): Promise<void> {
  await ensureDaily(client, RETENTION_SCHEDULE, RETENTION_WORKFLOW, 3);
  await ensureDaily(client, RESIDUE_SCHEDULE, RESIDUE_WORKFLOW, 4);
  await ensureDaily(client, SUPERSEDED_SCHEDULE, SUPERSEDED_WORKFLOW, 2);
  await ensureDaily(client, INDEX_VERSIONS_SCHEDULE, MAINTAIN_INDEX_WORKFLOW, 2);
  await ensureEvery(client, ROLLUP_SCHEDULE, ROLLUP_WORKFLOW, '1 minute');
  await ensureEvery(client, SEAL_INDEX_SCHEDULE, SEAL_INDEX_WORKFLOW, '1 minute');
}

/** Runs never overlap, and those that were missed are not made up for: the next one does their work. */
async function ensureEvery(client: Client, scheduleId: string, workflowType: string, every: '1 minute'): Promise<void> {
  await ensure(client, {
    scheduleId,
    spec: { intervals: [{ every }] },
    action: { type: 'startWorkflow', workflowType, taskQueue: 'batch', args: [] },
    policies: { overlap: ScheduleOverlapPolicy.SKIP, catchupWindow: every },
  });
}

async function ensureDaily(client: Client, scheduleId: string, workflowType: string, hour: number): Promise<void> {
  await ensure(client, {
    scheduleId,
    spec: { calendars: [{ hour, minute: 0, comment: 'daily' }], jitter: '10m' },
    action: { type: 'startWorkflow', workflowType, taskQueue: 'batch', args: [] },
    // A run that was missed for less than a day is made up for, by one run.
    policies: { overlap: ScheduleOverlapPolicy.SKIP, catchupWindow: '1 day' },
  });
}

async function ensure(client: Client, schedule: ScheduleOptions): Promise<void> {
  try {
    await client.schedule.create(schedule);
  } catch (error) {
    if (!(error instanceof ScheduleAlreadyRunning)) throw error;
  }
}
