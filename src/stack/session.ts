import { join } from 'node:path';
import { EarshotError } from '../domain/errors.ts';
import { startApplication, type RunningApplication } from './application.ts';
import { endProcess, identify, readJson, writeJson, type ProcessIdentity } from './processes.ts';
import { linesTo, type Progress } from './progress.ts';
import { startStack, type RunningStack } from './stack.ts';
import { CACHE } from './tools.ts';

/** The stack and Earshot itself, up for one command. */
export interface Session {
  readonly stack: RunningStack;
  readonly application: RunningApplication;
  readonly progress: Progress;
  end(): Promise<void>;
  /** Leaves everything running. */
  keep(): Promise<void>;
}

/**
 * Brings everything up in `.cache/stack` for a command, runs it, and takes everything down again: at its end, by
 * Ctrl-C, by SIGTERM and after an error. A missing prerequisite is told in a line of its own.
 */
export async function withSession(run: (session: Session, stopped: Promise<void>) => Promise<void>): Promise<void> {
  const interrupt = Promise.withResolvers<void>();
  process.on('SIGINT', () => interrupt.resolve());
  process.on('SIGTERM', () => interrupt.resolve());
  process.on('SIGHUP', () => interrupt.resolve());
  try {
    const session = await openSession(linesTo((line) => console.log(line)));
    await run(session, interrupt.promise).finally(() => session.end());
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    console.error(error instanceof EarshotError ? error.message : `Earshot could not start: ${error.message}`);
    process.exitCode = 1;
  }
}

async function openSession(progress: Progress): Promise<Session> {
  const folder = join(CACHE, 'stack');
  const record = join(folder, 'application.json');
  const stack = await startStack({ folder, env: process.env, progress });
  try {
    const earlier = await readJson<ProcessIdentity>(record);
    if (earlier !== undefined) await endProcess(earlier, 'SIGTERM', 40_000);
    const application = await progress.step('Starting Earshot: API and workers', () =>
      startApplication({ env: stack.env, folder }),
    );
    await writeJson(record, await identify(application.child.pid ?? 0));
    let kept = false;
    return {
      stack,
      application,
      progress,
      end: async () => {
        if (kept) return;
        await progress.step('Stopping', async () => {
          await application.stop();
          await stack.release();
        });
      },
      keep: async () => {
        kept = true;
        application.child.unref();
        await stack.keep();
      },
    };
  } catch (error) {
    await stack.release();
    throw error;
  }
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
