import { DatabaseSync } from 'node:sqlite';
import { databaseFile } from './temporal.ts';

/**
 * Indexes of the embedded server's list of executions that nobody here asks by: of columns for search attributes that are
 * not registered, and of figures and deployments. Each is a page that is written twice a run. Whoever asks by such a
 * column is answered all the same, from a scan.
 */
const UNUSED: readonly string[] = [
  ...numbered('by_bool', 1, 3),
  ...numbered('by_datetime', 1, 3),
  ...numbered('by_double', 1, 3),
  ...numbered('by_int', 1, 3),
  // The first four columns are those of Earshot's search attributes.
  ...numbered('by_keyword', 5, 10),
  'by_batcher_user', 'by_execution_duration', 'by_history_length', 'by_history_size_bytes', 'by_parent_run_id',
  'by_root_run_id', 'by_state_transition_count', 'by_task_queue', 'by_temporal_pause_info', 'by_temporal_schedule_paused',
  'by_temporal_scheduled_start_time', 'by_temporal_worker_deployment', 'by_temporal_worker_deployment_version',
  'by_temporal_workflow_versioning_behavior',
]; // prettier-ignore

/** How long it waits for the server, which writes now and then, to let go of its file. */
const BUSY_TIMEOUT_MS = 10_000;

/** To be called once the server answers, when its tables are there and nobody works yet. Again changes nothing. */
export function dropUnusedIndexes(folder: string): void {
  const database = new DatabaseSync(databaseFile(folder), { timeout: BUSY_TIMEOUT_MS });
  try {
    const left = database.prepare(`select name from sqlite_schema where type = 'index'`).all();
    if (!left.some(({ name }) => UNUSED.includes(String(name)))) return;
    database.exec(['begin immediate', ...UNUSED.map((name) => `drop index if exists ${name}`), 'commit'].join('; '));
  } finally {
    database.close();
  }
}

function numbered(prefix: string, first: number, last: number): string[] {
  return Array.from({ length: last - first + 1 }, (_, at) => `${prefix}_${String(first + at).padStart(2, '0')}`);
}
