import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { Connection } from '@temporalio/client';
import { freePort, spawnDetached, type ProcessIdentity } from './processes.ts';

const PREFERRED_PORT = 7_233;

export interface TemporalPart {
  readonly identity: ProcessIdentity;
  readonly address: string;
  readonly ui: string;
  readonly logFile: string;
}

/**
 * Starts the dev server with its UI over a file. One node needs one partition a queue, within which priority and fairness
 * keys hold strictly; deleted rows are overwritten, so that an erasure leaves nothing in the file's free pages. Its
 * commits go to a write-ahead log, which makes it twice as fast, outlives the process and is cut to nothing whenever it
 * has been written into the file; after a power cut the last of them may be missing, and the sweep rings for what
 * Postgres knows. An execution is deleted only when its closing has been acknowledged in the server's queue, which by
 * default is noted every 30 s.
 */
export async function startTemporal(executable: string, folder: string, env: NodeJS.ProcessEnv): Promise<TemporalPart> {
  const port = await freePort(PREFERRED_PORT);
  const uiPort = await freePort(PREFERRED_PORT + 1_000);
  const logFile = join(folder, 'logs', 'temporal.log');
  const args = [
    'server', 'start-dev',
    '--ip', '127.0.0.1',
    '--port', String(port),
    '--ui-port', String(uiPort),
    '--db-filename', databaseFile(folder),
    '--sqlite-pragma', 'secure_delete=ON',
    '--sqlite-pragma', 'journal_mode=WAL',
    '--sqlite-pragma', 'synchronous=NORMAL',
    '--sqlite-pragma', 'journal_size_limit=0',
    // 16 MB: a run touches a hundred pages, and each checkpoint writes and syncs them.
    '--sqlite-pragma', 'wal_autocheckpoint=4000',
    // Another process that writes for a moment, as the one that drops indexes does, is waited for.
    '--sqlite-pragma', 'busy_timeout=10000',
    '--log-level', 'error',
    '--dynamic-config-value', 'matching.numTaskqueueReadPartitions=1',
    '--dynamic-config-value', 'matching.numTaskqueueWritePartitions=1',
    '--dynamic-config-value', 'matching.useNewMatcher=true',
    '--dynamic-config-value', 'matching.enableFairness=true',
    '--dynamic-config-value', 'history.transferProcessorUpdateAckInterval="1s"',
  ]; // prettier-ignore
  const identity = await spawnDetached({ command: executable, args, env, logFile });
  return { identity, logFile, address: `127.0.0.1:${port}`, ui: `http://127.0.0.1:${uiPort}` };
}

export const databaseFile = (folder: string): string => join(folder, 'temporal.db');

/** Writes what a stopped server left in its write-ahead log into its file: the log holds deleted runs in clear. */
export function emptyWriteAheadLog(folder: string): void {
  if (!existsSync(databaseFile(folder))) return;
  const database = new DatabaseSync(databaseFile(folder));
  database.exec('pragma secure_delete = on; pragma wal_checkpoint(truncate)');
  database.close();
}

export async function answersWorkflows(address: string): Promise<boolean> {
  const connection = await Connection.connect({ address, connectTimeout: '2s' });
  try {
    await connection.workflowService.describeNamespace({ namespace: 'default' });
    return true;
  } finally {
    await connection.close();
  }
}
