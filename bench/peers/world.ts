import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { LOCAL_MODELS } from '../../src/stack/models.ts';
import { readJson, type ProcessIdentity } from '../../src/stack/processes.ts';
import type { Progress } from '../../src/stack/progress.ts';
import { startStack, stopParts } from '../../src/stack/stack.ts';
import { CACHE, temporalExecutable } from '../../src/stack/tools.ts';
import { startStubModels, type StubProcess } from '../stub-models/start.ts';
import { prepareTemplate } from './database.ts';

/** What all contenders share: one Postgres and one model endpoint. */
export interface World {
  readonly folder: string;
  /** Settings of a contender, but for its database, port and Temporal server. */
  readonly env: Readonly<Record<string, string>>;
  readonly postgresUrl: string;
  readonly postgresPid: number;
  readonly temporal: string;
  readonly models: StubProcess;
  /** What is to be stopped before the rest, should the run be interrupted. */
  readonly running: Set<{ stop(): Promise<void> }>;
  stop(): Promise<void>;
}

const FOLDER = join(CACHE, 'bench-peers');

/** Requests that the endpoint computes at a time: above what anybody asks for, for most send one text a request. */
const MODEL_CONCURRENCY = 64;

/** Starts with a fresh Postgres and a stub of the models. */
export async function openWorld(progress: Progress): Promise<World> {
  await stopParts(FOLDER);
  await rm(FOLDER, { recursive: true, force: true });
  const temporal = await temporalExecutable(progress, process.env);
  const models = await startStubModels({ embeddingConcurrency: MODEL_CONCURRENCY });
  try {
    const given = {
      ...process.env,
      ...LOCAL_MODELS,
      NODE_ENV: 'production',
      OPENAI_BASE_URL: models.url,
      // Whoever needs a Temporal server gets one while it runs.
      TEMPORAL_ADDRESS: '127.0.0.1:1',
      TEMPORAL_NAMESPACE: 'default',
    };
    const stack = await startStack({ folder: FOLDER, env: given, progress });
    const postgresUrl = stack.env['DATABASE_URL']!;
    await prepareTemplate(postgresUrl, LOCAL_MODELS.EMBEDDING_MODEL, Number(LOCAL_MODELS.EMBEDDING_DIMENSIONS));
    const record = await readJson<{ identity: ProcessIdentity }>(join(FOLDER, 'postgres.json'));
    const running: World['running'] = new Set();
    return {
      folder: FOLDER,
      env: stack.env,
      postgresUrl,
      postgresPid: record!.identity.pid,
      temporal,
      models,
      running,
      stop: async () => {
        await Promise.allSettled([...running].map((each) => each.stop()));
        await stack.release();
        await models.stop();
      },
    };
  } catch (error) {
    await models.stop();
    throw error;
  }
}
