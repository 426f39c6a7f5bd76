import { spawn, type ChildProcess } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { apiKeys } from '../api-keys.ts';
import { DEPLOYMENT_TENANT } from '../domain/tenant.ts';
import { PROJECT } from './tools.ts';

export interface RunningApplication {
  readonly url: string;
  readonly apiKey: string;
  readonly child: ChildProcess;
  readonly logFile: string;
  /** Drains and stops it. */
  stop(): Promise<void>;
}

export interface ApplicationOptions {
  readonly env: Readonly<Record<string, string>>;
  readonly folder: string;
  /** `workers/all.ts` unless a test runs the parts alone. */
  readonly entry?: string;
  readonly args?: readonly string[];
  /** Outlives this process. */
  readonly detached?: boolean;
}

/** Longest that a process may take to migrate, bundle its workflows and answer. */
const READY_MS = 90_000;

/** Starts Earshot's own process against the settings given, as `npm start` does, and waits until it is ready. */
export async function startApplication(options: ApplicationOptions): Promise<RunningApplication> {
  const { env, folder } = options;
  const logFile = join(folder, 'logs', 'earshot.log');
  await mkdir(join(folder, 'logs'), { recursive: true });
  const log = createWriteStream(logFile, { flags: 'a' });
  await new Promise((resolve) => log.once('open', resolve));
  const child = spawn(process.execPath, [join(PROJECT, options.entry ?? 'workers/all.ts'), ...(options.args ?? [])], {
    env,
    cwd: PROJECT,
    detached: true,
    stdio: ['ignore', log, log],
  });
  log.close();
  if (options.detached === true) child.unref();
  const url = `http://127.0.0.1:${env['PORT']}`;
  const apiKey = keyOfDeployment(env['EARSHOT_API_KEYS'] ?? '');
  await untilReady(child, url, logFile);
  return { url, apiKey, child, logFile, stop: () => stopChild(child) };
}

/** The first of the deployment's own, which may do most; Earshot itself says what is wrong with others. */
function keyOfDeployment(list: string): string {
  const { data: keys = [] } = apiKeys.safeParse(list);
  const own = keys.find(({ tenant }) => tenant === DEPLOYMENT_TENANT);
  return (own ?? keys[0])?.key ?? '';
}

async function untilReady(child: ChildProcess, url: string, logFile: string): Promise<void> {
  const deadline = Date.now() + READY_MS;
  for (;;) {
    if (child.exitCode !== null || child.signalCode !== null) throw new Error(`Earshot did not start; see ${logFile}`);
    const answer = await fetch(`${url}/readyz`, { signal: AbortSignal.timeout(5_000) }).catch(() => undefined);
    if (answer?.ok === true) return;
    if (Date.now() > deadline) throw new Error(`Earshot is not ready after ${READY_MS / 1000} s; see ${logFile}`);
    await delay(100);
  }
}

async function stopChild(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  child.kill('SIGTERM');
  const killer = setTimeout(() => child.kill('SIGKILL'), 40_000);
  await ended;
  clearTimeout(killer);
}
