import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LOCAL_MODELS } from '../../src/stack/models.ts';
import { isAlive, readJson, type ProcessIdentity } from '../../src/stack/processes.ts';
import { linesTo } from '../../src/stack/progress.ts';
import { startStack } from '../../src/stack/stack.ts';
import { startRelay, type Relay } from './relay.ts';
import { until } from './until.ts';

export type Server = 'postgres' | 'temporal';

/** A Postgres and a Temporal that a test may kill, each behind a port that stays. */
export interface OwnStack {
  readonly env: Readonly<Record<string, string>>;
  /** Ends a server with kill -9. */
  kill(server: Server): Promise<void>;
  /** Starts again, over the same data, what was killed. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

export async function startOwnStack(modelsUrl: string): Promise<OwnStack> {
  const folder = await mkdtemp(join(tmpdir(), 'earshot-own-stack-'));
  const env = { PATH: process.env['PATH'], HOME: process.env['HOME'], ...LOCAL_MODELS, OPENAI_BASE_URL: modelsUrl };
  const start = () => startStack({ folder, env, progress: linesTo(() => undefined) });
  const stack = await start();
  const relays: Record<Server, Relay> = {
    postgres: await startRelay(portsOf(stack.env).postgres),
    temporal: await startRelay(portsOf(stack.env).temporal),
  };
  const database = new URL(stack.env['DATABASE_URL']!);
  database.port = String(relays.postgres.port);
  return {
    env: { ...stack.env, DATABASE_URL: database.href, TEMPORAL_ADDRESS: `127.0.0.1:${relays.temporal.port}` },
    kill: async (server) => {
      const state = await readJson<{ identity: ProcessIdentity }>(join(folder, `${server}.json`));
      process.kill(state!.identity.pid, 'SIGKILL');
      await until(`${server} is dead`, async () => !(await isAlive(state!.identity)));
    },
    restart: async () => {
      const ports = portsOf((await start()).env);
      relays.postgres.target = ports.postgres;
      relays.temporal.target = ports.temporal;
    },
    stop: async () => {
      await stack.release();
      await Promise.all(Object.values(relays).map((relay) => relay.stop()));
      await rm(folder, { recursive: true, force: true });
    },
  };
}

function portsOf(env: Readonly<Record<string, string>>): Record<Server, number> {
  return {
    postgres: Number(new URL(env['DATABASE_URL']!).port),
    temporal: Number(env['TEMPORAL_ADDRESS']!.split(':')[1]),
  };
}
