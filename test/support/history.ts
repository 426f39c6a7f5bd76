import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { linesTo } from '../../src/stack/progress.ts';
import { temporalExecutable } from '../../src/stack/tools.ts';
import type { TestEarshot } from './earshot.ts';

const execute = promisify(execFile);

/** The history of a run as JSON, as an operator exports it. */
export async function exportHistory(earshot: TestEarshot, workflowId: string, runId?: string): Promise<string> {
  const temporal = await temporalExecutable(
    linesTo(() => undefined),
    process.env,
  );
  const { stdout } = await execute(
    temporal,
    [
      'workflow',
      'show',
      '--output',
      'json',
      '--address',
      earshot.env['TEMPORAL_ADDRESS']!,
      '--namespace',
      earshot.namespace,
      '--workflow-id',
      workflowId,
      ...(runId === undefined ? [] : ['--run-id', runId]),
    ],
    { maxBuffer: 64 * 1024 * 1024 },
  );
  return stdout;
}
