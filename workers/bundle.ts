import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, rename, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { bundleWorkflowCode } from '@temporalio/worker';

const ROOT = resolve(import.meta.dirname, '..');
const CACHE = join(ROOT, '.cache', 'workflow-bundles');

let bundle: Promise<{ code: string }> | undefined;

/** Workflow code as one bundle, which the workers of a process share. */
export function workflowBundle(): Promise<{ code: string }> {
  bundle ??= loadBundle();
  return bundle;
}

/** Bundling takes seconds, so the bundle of unchanged sources is kept. */
async function loadBundle(): Promise<{ code: string }> {
  const path = join(CACHE, `${await sourceHash()}.js`);
  const kept = await readFile(path, 'utf8').catch(() => undefined);
  if (kept !== undefined) return { code: kept };
  const { code } = await bundleWorkflowCode({ workflowsPath: join(ROOT, 'workflows', 'index.ts'), logger: QUIET });
  await mkdir(dirname(path), { recursive: true });
  await writeFile(`${path}.${process.pid}`, code);
  await rename(`${path}.${process.pid}`, path);
  return { code };
}

const silent = () => undefined;
const QUIET = { log: silent, trace: silent, debug: silent, info: silent, warn: silent, error: silent };

/** Of all that a workflow may import: its own folder, the domain and the SDK's version. */
async function sourceHash(): Promise<string> {
  const hash = createHash('sha256').update(await readFile(join(ROOT, 'package-lock.json')));
  for (const folder of ['workflows', 'src/domain']) {
    for (const name of (await readdir(join(ROOT, folder))).filter((file) => file.endsWith('.ts')).sort()) {
      hash.update(name).update(await readFile(join(ROOT, folder, name)));
    }
  }
  return hash.digest('hex').slice(0, 32);
}
