import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { flagsOf, type StubOptions } from './options.ts';
import type { StubModels } from './server.ts';
import type { StubStats } from './tally.ts';

export interface StubProcess extends StubModels {
  readonly pid: number;
}

/**
 * Starts the stub of server.ts as a process of its own, so that its CPU is not that of who measures; it ends with the
 * process that started it.
 *
 * @throws Error when it ends before it serves.
 */
export async function startStubModels(options: Partial<StubOptions> = {}): Promise<StubProcess> {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'main.ts'), ...flagsOf(options)], {
    stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
    // Ctrl-C in a terminal is for the process that measures: it still has to work off what came in.
    detached: true,
  });
  const ended = once(child, 'exit');
  const first = once(createInterface(child.stdout!), 'line') as Promise<[string]>;
  const url = await Promise.race([first.then(([line]) => line), ended.then(() => undefined)]);
  if (url === undefined) throw new Error('the stub of the models did not start');
  const stats = new URL('/stats', url);
  return {
    url,
    pid: child.pid!,
    stats: async () => (await (await fetch(stats)).json()) as StubStats,
    resetStats: async () => void (await (await fetch(stats, { method: 'DELETE' })).json()),
    stop: async () => {
      child.kill('SIGTERM');
      await ended;
    },
  };
}
