/**
 * One queue per kind of work, so that heavy models cannot starve text: a chat never waits behind speech recognition.
 * `intake` runs workflow code and short database steps, the others activities alone. Scheduled and bulk work will get a
 * queue of its own when there is some.
 */
export const TASK_QUEUES = ['intake', 'audio', 'vision', 'embedding'] as const;
export type TaskQueue = (typeof TASK_QUEUES)[number];
