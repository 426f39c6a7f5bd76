import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DefaultLogger, Runtime, Worker } from '@temporalio/worker';
import { describe, expect, it } from 'vitest';
import { workflowBundle } from '../../workers/bundle.ts';

Runtime.install({ logger: new DefaultLogger('ERROR') });

const folder = join(import.meta.dirname, '..', 'histories');
const files = (await readdir(folder, { recursive: true })).filter((name) => name.endsWith('.json')).sort();

/** Histories of real runs, recorded by `npm run record-histories`. A workflow change must go on replaying them. */
describe('a recorded history replays with the workflow code of today', () => {
  it.each(files)('%s', async (file) => {
    const history: unknown = JSON.parse(await readFile(join(folder, file), 'utf8'));
    await Worker.runReplayHistory({ workflowBundle: await workflowBundle() }, history, file);
  });

  it('and there is one of each workflow and path', () => {
    expect(new Set(files.map((file) => file.split('/')[0]))).toEqual(
      new Set([
        'call',
        'canary',
        'conversation',
        'decide-quarantined',
        'drop-superseded',
        'erase-customer',
        'history-lane',
        'reevaluate-quality',
        'redo-captions',
        'replay',
        'reconcile',
        'maintain-index-versions',
        'reindex',
        'residue-window',
        'retention',
        'rollup',
        'screenshot',
        'seal-index',
        'verify-erasure',
      ]),
    );
  });

  it('and a changed order of steps would be noticed', async () => {
    const history = JSON.parse(
      await readFile(
        join(
          folder,
          files.find((file) => file.startsWith('call/'))!,
        ),
        'utf8',
      ),
    ) as object;
    const changed = JSON.parse(JSON.stringify(history).replaceAll('"transcribePiece"', '"anotherStep"')) as object;
    await expect(Worker.runReplayHistory({ workflowBundle: await workflowBundle() }, changed)).rejects.toThrow();
  });
});
