import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { startApplication } from '../../src/stack/application.ts';
import { LOCAL_MODELS } from '../../src/stack/models.ts';
import type { Progress } from '../../src/stack/progress.ts';
import { startStack } from '../../src/stack/stack.ts';
import { startStubModels } from '../stub-models/start.ts';
import type { StubStats } from '../stub-models/tally.ts';
import type { LoadOptions } from './options.ts';

/** An Earshot under load. */
export interface Target {
  readonly url: string;
  readonly apiKey: string;
  /** Where the audit may look into the tables; undefined where it has to ask the API. */
  readonly databaseUrl: string | undefined;
  /** Processes on this machine whose use of it is followed, by name. */
  readonly processes: Readonly<Record<string, number>>;
  /** What the models were asked for, where they are the stub. */
  modelStats(): Promise<StubStats | undefined>;
  stop(): Promise<void>;
}

/** Canaries know what real models make of their sound and picture; a stub would let them fail. */
const STUB_DIALS = { 'canary.interval_ms': 0 };

/** An Earshot that somebody else runs. */
export function givenTarget({ url, apiKey, databaseUrl }: NonNullable<LoadOptions['target']>): Target {
  return {
    url,
    apiKey,
    databaseUrl,
    processes: {},
    modelStats: () => Promise.resolve(undefined),
    stop: () => Promise.resolve(),
  };
}

/** The stub waits where a real endpoint computes elsewhere: as many at a time as the load asks for. */
const STUB_PLACES = { EARSHOT_AUDIO_STEPS: '64', EARSHOT_VISION_STEPS: '16' };

/** Starts the embedded stack in a folder of its own, with its models or the stub in their place, and Earshot on it. */
export async function startTarget(folder: string, options: LoadOptions, progress: Progress): Promise<Target> {
  const stub =
    options.models === 'stub'
      ? await progress.step('Starting the stub of the models', () => startStubModels(options.stub))
      : undefined;
  const stubEnv = stub === undefined ? {} : { ...LOCAL_MODELS, OPENAI_BASE_URL: stub.url };
  try {
    const stack = await startStack({ folder, env: { ...process.env, ...stubEnv }, progress });
    try {
      const application = await progress.step('Starting Earshot', () =>
        startApplication({ env: { ...stack.env, ...(stub === undefined ? {} : STUB_PLACES) }, folder }),
      );
      const { url, apiKey, child } = application;
      await moveDials(url, apiKey, { ...(stub === undefined ? {} : STUB_DIALS), ...options.dials });
      return {
        url,
        apiKey,
        databaseUrl: stack.env['DATABASE_URL'],
        processes: {
          'API and workers': child.pid!,
          ...(await partsOf(folder)),
          ...(stub === undefined ? {} : { 'stub models': stub.pid }),
          'load generator': process.pid,
        },
        modelStats: async () => stub?.stats(),
        stop: async () => {
          await application.stop();
          await stack.release();
          await stub?.stop();
        },
      };
    } catch (error) {
      await stack.release();
      throw error;
    }
  } catch (error) {
    await stub?.stop();
    throw error;
  }
}

export async function moveDials(url: string, apiKey: string, dials: Readonly<Record<string, number>>): Promise<void> {
  for (const [name, value] of Object.entries(dials)) {
    const answer = await fetch(`${url}/v1/dials/${name}`, {
      method: 'PUT',
      headers: { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json' },
      body: JSON.stringify({ value }),
    });
    if (!answer.ok) throw new Error(`the dial ${name} could not be moved: ${await answer.text()}`);
  }
}

/** Processes of the embedded stack, as it records them. */
async function partsOf(folder: string): Promise<Record<string, number>> {
  const parts = { Postgres: 'postgres', Temporal: 'temporal', models: 'models' };
  const found: Record<string, number> = {};
  for (const [title, name] of Object.entries(parts)) {
    const text = await readFile(join(folder, `${name}.json`), 'utf8').catch(() => undefined);
    if (text !== undefined) found[title] = (JSON.parse(text) as { identity: { pid: number } }).identity.pid;
  }
  return found;
}
