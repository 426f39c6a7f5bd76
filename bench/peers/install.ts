import { createHash } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Progress } from '../../src/stack/progress.ts';
import { runCommand } from '../../src/stack/tools.ts';

/**
 * Installs the engines that Earshot is measured beside, once for each state of their lock file. They are no
 * dependencies of Earshot, so they have a folder of their own.
 */
export async function installPeers(progress: Progress): Promise<void> {
  const folder = import.meta.dirname;
  const mark = join(folder, 'node_modules', 'complete');
  const lock = await readFile(join(folder, 'package-lock.json'));
  const wanted = createHash('sha256').update(lock).digest('hex');
  if ((await readFile(mark, 'utf8').catch(() => '')) === wanted) return;
  await progress.step('Installing the engines beside Earshot', async (detail) => {
    await runCommand('npm', ['ci', '--prefix', folder, '--no-audit', '--no-fund'], process.env, detail);
    await writeFile(mark, wanted);
  });
}

/** Pinned versions by package, for the report. */
export async function peerVersions(): Promise<Record<string, string>> {
  const text = await readFile(join(import.meta.dirname, 'package.json'), 'utf8');
  return (JSON.parse(text) as { dependencies: Record<string, string> }).dependencies;
}
