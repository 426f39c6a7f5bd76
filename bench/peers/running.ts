import { join } from 'node:path';
import { startApplication, type RunningApplication } from '../../src/stack/application.ts';
import { endProcess, freePort, startUntilReady } from '../../src/stack/processes.ts';
import { answersWorkflows, startTemporal, type TemporalPart } from '../../src/stack/temporal.ts';
import { dropUnusedIndexes } from '../../src/stack/visibility-indexes.ts';
import type { Contender } from './contenders.ts';
import type { ContenderDatabase } from './database.ts';
import type { World } from './world.ts';

/** The processes that work for a contender, by what they are. */
export const PARTS = ['application', 'temporal', 'postgres'] as const;
export type Part = (typeof PARTS)[number];

export interface RunningContender {
  readonly url: string;
  readonly apiKey: string;
  /** Roots of its process trees. */
  roots(): Readonly<Record<Part, readonly number[]>>;
  /** Ends the process of API and workers with kill -9. */
  kill(): Promise<void>;
  /** Starts it again, at the same address. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

export async function startContender(
  contender: Contender,
  database: ContenderDatabase,
  world: World,
): Promise<RunningContender> {
  const folder = join(world.folder, contender.name);
  const temporal = contender.temporal ? await ownTemporal(world, folder) : undefined;
  const env = {
    ...world.env,
    DATABASE_URL: database.url,
    PORT: String(await freePort(0)),
    ...(temporal === undefined ? {} : { TEMPORAL_ADDRESS: temporal.address }),
  };
  const { entry, args = [] } = contender;
  const start = () => startApplication({ env, folder, entry, args });
  const stopTemporal = () => (temporal === undefined ? Promise.resolve() : endProcess(temporal.identity, 'SIGTERM'));
  let application = await start().catch(async (error: unknown) => {
    await stopTemporal();
    throw error;
  });
  return {
    url: application.url,
    apiKey: application.apiKey,
    roots: () => ({
      application: [application.child.pid!],
      temporal: temporal === undefined ? [] : [temporal.identity.pid],
      postgres: [world.postgresPid],
    }),
    kill: () => killed(application),
    restart: async () => {
      application = await start();
    },
    stop: async () => {
      await application.stop();
      await stopTemporal();
    },
  };
}

async function ownTemporal(world: World, folder: string): Promise<TemporalPart> {
  const start = () => startTemporal(world.temporal, folder, world.env);
  const part = await startUntilReady('Temporal', start, ({ address }) => answersWorkflows(address));
  dropUnusedIndexes(folder);
  return part;
}

async function killed({ child }: RunningApplication): Promise<void> {
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  child.kill('SIGKILL');
  await ended;
}
