import { join } from 'node:path';
import { EarshotError } from '../domain/errors.ts';
import { startApplication } from './application.ts';
import { endProcess, identify, isAlive, readJson, writeJson, type ProcessIdentity } from './processes.ts';
import { linesTo, type Progress } from './progress.ts';
import { startStack, type RunningStack } from './stack.ts';
import { CACHE } from './tools.ts';

/** Earshot's own process as recorded, so that a second command uses it and `npm run stop` finds it. */
export interface ApplicationState {
  readonly identity: ProcessIdentity;
  readonly url: string;
  readonly apiKey: string;
}

/** The stack and Earshot itself, up for one command. */
export interface Session {
  readonly stack: RunningStack;
  readonly application: ApplicationState;
  readonly progress: Progress;
  /** Resolves when Earshot's process is gone. */
  ended(): Promise<void>;
  /** Leaves everything running. */
  keep(): Promise<void>;
}

/** Where the embedded stack of the demo and of `npm run dev` lives. */
export const STACK_FOLDER = join(CACHE, 'stack');

/** Time that Earshot gets to drain; its workers take 20 s at most. */
const DRAIN_MS = 40_000;

/**
 * Brings everything up in `.cache/stack` for a command, runs it, and takes everything down again: at its end, by
 * Ctrl-C, by SIGTERM and after an error, unless another terminal uses it. A missing prerequisite is told in a line of
 * its own.
 */
export async function withSession(run: (session: Session, stopped: Promise<void>) => Promise<void>): Promise<void> {
  const interrupt = Promise.withResolvers<void>();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => interrupt.resolve());
  const progress = linesTo((line) => console.log(line));
  try {
    const stack = await startStack({ folder: STACK_FOLDER, env: process.env, progress });
    try {
      await run(await openSession(stack, progress), interrupt.promise);
    } finally {
      await progress.step('Stopping what nobody else uses', () => stack.release(stopApplication));
    }
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    console.error(error instanceof EarshotError ? error.message : `Earshot could not start: ${error.message}`);
    process.exitCode = 1;
  }
}

async function openSession(stack: RunningStack, progress: Progress): Promise<Session> {
  const application =
    (await runningApplication()) ?? (await progress.step('Starting Earshot: API and workers', () => start(stack)));
  return {
    stack,
    application,
    progress,
    ended: async () => {
      while (await isAlive(application.identity)) await new Promise((resolve) => setTimeout(resolve, 1_000));
    },
    keep: () => stack.keep(),
  };
}

const record = join(STACK_FOLDER, 'application.json');

/** A record of another version of this code is as good as none. */
async function recordedApplication(): Promise<ApplicationState | undefined> {
  const state = await readJson<Partial<ApplicationState>>(record);
  return state?.identity?.pid === undefined ? undefined : (state as ApplicationState);
}

async function runningApplication(): Promise<ApplicationState | undefined> {
  const state = await recordedApplication();
  if (state === undefined || !(await isAlive(state.identity))) return undefined;
  const answer = await fetch(`${state.url}/readyz`, { signal: AbortSignal.timeout(5_000) }).catch(() => undefined);
  if (answer?.ok === true) return state;
  await stopApplication();
  return undefined;
}

async function start(stack: RunningStack): Promise<ApplicationState> {
  const { url, apiKey, child } = await startApplication({ env: stack.env, folder: STACK_FOLDER, detached: true });
  const identity = await identify(child.pid ?? 0);
  if (identity === undefined) throw new Error('Earshot ended right after it was ready');
  const state = { identity, url, apiKey };
  await writeJson(record, state);
  return state;
}

/** Drains and stops Earshot's recorded process. */
export async function stopApplication(): Promise<void> {
  const state = await recordedApplication();
  if (state !== undefined) await endProcess(state.identity, 'SIGTERM', DRAIN_MS);
}

/** Where everything is, for a person. */
export function addresses({ stack, application }: Session): string {
  return [
    `API          ${application.url}`,
    `API docs     ${application.url}/docs`,
    `API key      ${application.apiKey}`,
    `Temporal UI  ${stack.temporalUi ?? 'that of your own Temporal server'}`,
  ].join('\n');
}
