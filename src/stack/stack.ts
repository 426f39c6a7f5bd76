import { randomBytes } from 'node:crypto';
import { mkdir, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { answersHealth, LOCAL_MODELS, startModels } from './models.ts';
import { answersQueries, startPostgres } from './postgres.ts';
import { checkPrerequisites } from './prerequisites.ts';
import {
  endProcess,
  freePort,
  isAlive,
  readJson,
  registerUser,
  unregisterUser,
  startUntilReady,
  withLock,
  writeJson,
  type ProcessIdentity,
} from './processes.ts';
import type { Progress } from './progress.ts';
import { answersWorkflows, emptyWriteAheadLog, startTemporal } from './temporal.ts';
import { dropUnusedIndexes } from './visibility-indexes.ts';
import { exists, pythonEnvironment, temporalExecutable } from './tools.ts';

export interface StackOptions {
  /** Holds the data, keys and logs of this stack. */
  readonly folder: string;
  /** Settings of the caller. A part whose address is given here is not started. */
  readonly env: NodeJS.ProcessEnv;
  readonly progress: Progress;
}

export interface RunningStack {
  /** Complete settings for Earshot's processes. */
  readonly env: Readonly<Record<string, string>>;
  /** Address of the Temporal UI, when the server is the embedded one. */
  readonly temporalUi: string | undefined;
  /** Stops the parts, after `beforeStop`, unless another process uses them or they are to be kept. */
  release(beforeStop?: () => Promise<void>): Promise<void>;
  /** Leaves the parts running until `npm run stop`. */
  keep(): Promise<void>;
}

/** Says that nobody is to stop the parts but `npm run stop`. */
function keptMark(folder: string): string {
  return join(folder, 'kept.json');
}

/** A part as recorded: its process, and what is needed to reach and check it. */
interface PartState {
  readonly identity: ProcessIdentity;
  readonly logFile: string;
  readonly address: string;
  readonly ui?: string;
}

interface Part {
  readonly name: 'postgres' | 'temporal' | 'models';
  readonly title: string;
  readonly variable: string;
  readonly signal: NodeJS.Signals;
  start(): Promise<PartState>;
  answers(address: string): Promise<boolean>;
  /** Once it answers, and before anybody uses it. */
  prepare?(): void;
}

/** In the order in which they are stopped. Postgres ends fast and clean by SIGINT. */
const SIGNALS = { temporal: 'SIGTERM', models: 'SIGTERM', postgres: 'SIGINT' } as const;

/**
 * Finds or starts the embedded stack. Parts that run already, because another terminal or a crashed process started
 * them, are used as they are; the last process to release the stack stops it.
 */
export async function startStack(options: StackOptions): Promise<RunningStack> {
  const { env, progress } = options;
  const folder = resolve(options.folder);
  await checkPrerequisites(env);
  await mkdir(folder, { recursive: true });
  const { states, own } = await withLock(folder, async () => {
    await registerUser(folder);
    const python = await pythonIfNeeded(options);
    const wanted = partsOf({ ...options, folder }, python).filter(({ variable }) => env[variable] === undefined);
    const states = await startAll(folder, wanted, progress);
    return { states, own: await ownSettings(folder) };
  });
  return {
    env: await settingsFor({ ...options, folder }, states, own),
    temporalUi: states.temporal?.ui,
    release: (beforeStop) =>
      withLock(folder, async () => {
        if ((await unregisterUser(folder)) || (await exists(keptMark(folder)))) return;
        await beforeStop?.();
        await stopParts(folder);
      }),
    keep: async () => {
      await writeJson(keptMark(folder), true);
      await unregisterUser(folder);
    },
  };
}

type PartStates = Partial<Record<Part['name'], PartState>>;

/** Starts the parts side by side. When one fails, the others are stopped again, unless someone uses them. */
async function startAll(folder: string, parts: readonly Part[], progress: Progress): Promise<PartStates> {
  const results = await Promise.allSettled(parts.map((part) => findOrStart(folder, part, progress)));
  const failed = results.find((result) => result.status === 'rejected');
  if (failed !== undefined) {
    if (!(await unregisterUser(folder))) await stopParts(folder);
    throw failed.reason;
  }
  return Object.fromEntries(
    results.flatMap((result, index) => (result.status === 'fulfilled' ? [[parts[index]!.name, result.value]] : [])),
  );
}

async function pythonIfNeeded({ env, progress }: StackOptions): Promise<string | undefined> {
  const needed = env['DATABASE_URL'] === undefined || env['OPENAI_BASE_URL'] === undefined;
  return needed ? pythonEnvironment(progress, env) : undefined;
}

function partsOf({ folder, env, progress }: StackOptions, python: string | undefined): Part[] {
  return [
    {
      name: 'postgres',
      title: 'Postgres with pgvector',
      variable: 'DATABASE_URL',
      signal: SIGNALS.postgres,
      start: async () => {
        const { url, ...part } = await startPostgres(python!, folder, env);
        return { ...part, address: url };
      },
      answers: answersQueries,
    },
    {
      name: 'temporal',
      title: 'Temporal with its UI',
      variable: 'TEMPORAL_ADDRESS',
      signal: SIGNALS.temporal,
      start: async () => startTemporal(await temporalExecutable(progress, env), folder, env),
      answers: answersWorkflows,
      prepare: () => dropUnusedIndexes(folder),
    },
    {
      name: 'models',
      title: 'the local model server: Whisper, MiniLM, OCR',
      variable: 'OPENAI_BASE_URL',
      signal: SIGNALS.models,
      start: async () => {
        const { url, ...part } = await startModels(python!, folder, env);
        return { ...part, address: url };
      },
      answers: answersHealth,
    },
  ];
}

async function findOrStart(folder: string, part: Part, progress: Progress): Promise<PartState> {
  const path = join(folder, `${part.name}.json`);
  const recorded = await readJson<PartState>(path);
  if (recorded !== undefined && (await isAlive(recorded.identity))) {
    if (await part.answers(recorded.address).catch(() => false)) return recorded;
    await endProcess(recorded.identity, part.signal);
  }
  return progress.step(`Starting ${part.title}`, async () => {
    const start = async () => {
      const started = await part.start();
      await writeJson(path, started);
      return started;
    };
    const state = await startUntilReady(part.title, start, ({ address }) => part.answers(address));
    part.prepare?.();
    return state;
  });
}

/** Stops whatever is recorded in a folder; processes that are not the recorded ones are left alone. */
export async function stopParts(folder: string): Promise<string[]> {
  const stopped: string[] = [];
  await rm(keptMark(folder), { force: true });
  for (const [name, signal] of Object.entries(SIGNALS)) {
    const path = join(folder, `${name}.json`);
    const state = await readJson<PartState>(path);
    if (state === undefined) continue;
    if (await isAlive(state.identity)) stopped.push(name);
    await endProcess(state.identity, signal);
    if (name === 'temporal') emptyWriteAheadLog(folder);
    await rm(path, { force: true });
  }
  return stopped;
}

interface OwnSettings {
  readonly masterKey: string;
  readonly customerSecret: string;
  readonly apiKey: string;
}

/** Secrets of this stack, made once: without the same keys yesterday's data could not be opened. */
async function ownSettings(folder: string): Promise<OwnSettings> {
  const path = join(folder, 'secrets.json');
  const kept = await readJson<OwnSettings>(path);
  if (kept !== undefined) return kept;
  const secret = () => randomBytes(32).toString('hex');
  const made = { masterKey: secret(), customerSecret: secret(), apiKey: `earshot-${randomBytes(12).toString('hex')}` };
  await writeJson(path, made);
  return made;
}

async function settingsFor(
  { folder, env }: StackOptions,
  states: PartStates,
  own: OwnSettings,
): Promise<Record<string, string>> {
  const defaults: Record<string, string> = {
    RAW_STORE_URL: pathToFileURL(join(folder, 'raw')).href,
    EARSHOT_MASTER_KEY: own.masterKey,
    EARSHOT_CUSTOMER_SECRET: own.customerSecret,
    EARSHOT_API_KEYS: `${own.apiKey}:channel+copilot+operator+auditor`,
    PORT: env['PORT'] ?? String(await freePort(8_787)),
  };
  if (states.temporal !== undefined) {
    Object.assign(defaults, { TEMPORAL_ADDRESS: states.temporal.address, TEMPORAL_NAMESPACE: 'default' });
  }
  if (states.postgres !== undefined) defaults['DATABASE_URL'] = states.postgres.address;
  if (states.models !== undefined) Object.assign(defaults, LOCAL_MODELS, { OPENAI_BASE_URL: states.models.address });
  const given = Object.entries(env).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return { ...defaults, ...Object.fromEntries(given) };
}
