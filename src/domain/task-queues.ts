/**
 * One queue per kind of work, so that heavy models cannot starve text: a chat never waits behind speech recognition.
 * `intake` and `batch` run workflow code, `intake` with short database steps and `batch` with long ones that nobody
 * waits for, such as erasures; the others run activities alone.
 */
export const TASK_QUEUES = ['intake', 'audio', 'vision', 'embedding', 'batch'] as const;
export type TaskQueue = (typeof TASK_QUEUES)[number];

/** Queues whose workers run workflow code. */
export const WORKFLOW_QUEUES: readonly TaskQueue[] = ['intake', 'batch'];
