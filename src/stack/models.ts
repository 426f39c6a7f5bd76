import { join } from 'node:path';
import { freePort, spawnDetached, type ProcessIdentity } from './processes.ts';

const PREFERRED_PORT = 8_181;

export interface ModelsPart {
  readonly identity: ProcessIdentity;
  readonly url: string;
  readonly logFile: string;
}

/** Names of the models that the local server has. */
export const LOCAL_MODELS = {
  OPENAI_API_KEY: 'local',
  EMBEDDING_MODEL: 'all-MiniLM-L6-v2',
  EMBEDDING_DIMENSIONS: '384',
  ASR_MODEL: 'whisper-tiny.en',
  VISION_MODEL: 'local-screen-reader',
} as const;

/** Starts the local model server, model-server/server.py. */
export async function startModels(python: string, folder: string, env: NodeJS.ProcessEnv): Promise<ModelsPart> {
  const port = await freePort(PREFERRED_PORT);
  const logFile = join(folder, 'logs', 'models.log');
  const server = join(import.meta.dirname, 'model-server', 'server.py');
  const identity = await spawnDetached({
    command: join(python, 'bin', 'python'),
    args: [server, '--port', String(port)],
    env: { ...env, PYTHONDONTWRITEBYTECODE: '1' },
    logFile,
  });
  return { identity, logFile, url: `http://127.0.0.1:${port}/v1` };
}

export async function answersHealth(url: string): Promise<boolean> {
  return (await fetch(new URL('/healthz', url), { signal: AbortSignal.timeout(2_000) })).ok;
}
