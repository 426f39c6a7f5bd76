import { execFile, spawn } from 'node:child_process';
import { openSync, closeSync } from 'node:fs';
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';

const execute = promisify(execFile);

/** A process as it was recorded. The start time tells it from a later one of the same pid. */
export interface ProcessIdentity {
  readonly pid: number;
  readonly startedAt: string;
}

/** When a process started, by the operating system's account; undefined when there is none, or only a zombie. */
async function startTime(pid: number): Promise<string | undefined> {
  const { stdout } = await execute('ps', ['-o', 'stat=,lstart=', '-p', String(pid)]).catch(() => ({ stdout: '' }));
  const line = stdout.trim();
  return line === '' || line.startsWith('Z') ? undefined : line.replace(/^\S+\s+/, '');
}

export async function identify(pid: number): Promise<ProcessIdentity | undefined> {
  const startedAt = await startTime(pid);
  return startedAt === undefined ? undefined : { pid, startedAt };
}

export async function isAlive({ pid, startedAt }: ProcessIdentity): Promise<boolean> {
  return (await startTime(pid)) === startedAt;
}

export interface SpawnOptions {
  readonly command: string;
  readonly args: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  readonly logFile: string;
  readonly cwd?: string;
  readonly user?: { readonly uid: number; readonly gid: number } | undefined;
}

/** Starts a process of its own group, which Ctrl-C in the terminal does not reach, writing to a log file. */
export async function spawnDetached(options: SpawnOptions): Promise<ProcessIdentity> {
  await mkdir(dirname(options.logFile), { recursive: true });
  const log = openSync(options.logFile, 'a');
  try {
    const child = spawn(options.command, options.args, {
      detached: true,
      stdio: ['ignore', log, log],
      env: options.env,
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
      ...options.user,
    });
    await new Promise<void>((resolve, reject) => child.once('spawn', resolve).once('error', reject));
    child.unref();
    const identity = child.pid === undefined ? undefined : await identify(child.pid);
    return identity ?? { pid: child.pid ?? 0, startedAt: 'ended at once' };
  } finally {
    closeSync(log);
  }
}

/** Asks a process to end and waits; kills it after the deadline. Does nothing to a process that is not the recorded one. */
export async function endProcess(
  identity: ProcessIdentity,
  signal: NodeJS.Signals,
  deadlineMs: number = 20_000,
): Promise<void> {
  if (!(await isAlive(identity))) return;
  process.kill(identity.pid, signal);
  const deadline = Date.now() + deadlineMs;
  while (await isAlive(identity)) {
    if (Date.now() > deadline) process.kill(identity.pid, 'SIGKILL');
    await delay(50);
  }
}

/** Waits until `ready` answers true; ends with the log's last lines when the process dies or the deadline passes. */
export async function waitUntilReady(
  name: string,
  identity: ProcessIdentity,
  logFile: string,
  ready: () => Promise<boolean>,
  deadlineMs: number = 120_000,
): Promise<void> {
  const deadline = Date.now() + deadlineMs;
  while (!(await ready().catch(() => false))) {
    if (!(await isAlive(identity))) throw new Error(`${name} ended while starting: ${await lastLines(logFile)}`);
    if (Date.now() > deadline) throw new Error(`${name} was not ready in time: ${await lastLines(logFile)}`);
    await delay(100);
  }
}

/** A port that was free may be taken when a process comes to listen on it: it is started again, by another port. */
const START_ATTEMPTS = 3;

/** @throws Error with the last lines of its log when it ends while starting again and again, or is not ready in time. */
export async function startUntilReady<Started extends { identity: ProcessIdentity; logFile: string }>(
  name: string,
  start: () => Promise<Started>,
  ready: (started: Started) => Promise<boolean>,
): Promise<Started> {
  for (let attempt = 1; ; attempt++) {
    const started = await start();
    try {
      await waitUntilReady(name, started.identity, started.logFile, () => ready(started));
      return started;
    } catch (error) {
      if (attempt === START_ATTEMPTS || (await isAlive(started.identity))) throw error;
    }
  }
}

async function lastLines(file: string): Promise<string> {
  const text = await readFile(file, 'utf8').catch(() => '');
  return text.trim().split('\n').slice(-5).join('\n') || `see ${file}`;
}

/** The preferred port, or a free one when it is taken. */
export async function freePort(preferred: number): Promise<number> {
  return (await tryPort(preferred)) ?? (await tryPort(0)) ?? preferred;
}

function tryPort(port: number): Promise<number | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(undefined));
    server.listen(port, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' ? address?.port : undefined));
    });
  });
}

export async function writeJson(path: string, value: unknown): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(`${path}.${process.pid}`, JSON.stringify(value), { mode: 0o600 });
  await rename(`${path}.${process.pid}`, path);
}

export async function readJson<T>(path: string): Promise<T | undefined> {
  const text = await readFile(path, 'utf8').catch(() => undefined);
  try {
    return text === undefined ? undefined : (JSON.parse(text) as T);
  } catch {
    return undefined;
  }
}

/** Runs a step while no other process does the same in this folder. The lock of a dead process is broken. */
export async function withLock<T>(folder: string, run: () => Promise<T>): Promise<T> {
  await mkdir(folder, { recursive: true });
  const path = join(folder, 'lock');
  const own = await identify(process.pid);
  for (;;) {
    const taken = await writeFile(path, JSON.stringify(own), { flag: 'wx' }).then(
      () => true,
      () => false,
    );
    if (taken) break;
    const holder = await readJson<ProcessIdentity>(path);
    if (holder === undefined || !(await isAlive(holder))) await rm(path, { force: true });
    await delay(100);
  }
  try {
    return await run();
  } finally {
    await rm(path, { force: true });
  }
}

/** Notes that this process uses the stack of a folder. */
export async function registerUser(folder: string): Promise<void> {
  await writeJson(join(folder, 'users', `${process.pid}.json`), await identify(process.pid));
}

/** Removes this process's note and those of dead ones; answers whether another process still uses the stack. */
export async function unregisterUser(folder: string): Promise<boolean> {
  const users = join(folder, 'users');
  let others = false;
  for (const name of await readdir(users).catch(() => [])) {
    const path = join(users, name);
    const user = await readJson<ProcessIdentity>(path);
    const other = user !== undefined && user.pid !== process.pid && (await isAlive(user));
    if (other) others = true;
    else await rm(path, { force: true });
  }
  return others;
}
