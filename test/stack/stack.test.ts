import { execFile, spawn } from 'node:child_process';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest';
import { checkPrerequisites } from '../../src/stack/prerequisites.ts';
import { isAlive, readJson, type ProcessIdentity } from '../../src/stack/processes.ts';
import { linesTo } from '../../src/stack/progress.ts';
import { startStack, stopParts, type RunningStack } from '../../src/stack/stack.ts';
import { PROJECT } from '../../src/stack/tools.ts';
import { until } from '../support/until.ts';

let folder: string;
let lines: string[];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'earshot-stack-'));
  lines = [];
});
afterEach(async () => {
  await stopParts(folder);
  await rm(folder, { recursive: true, force: true });
});

/** A stack whose Postgres is its own; Temporal and the models are those of the test run. */
function start(env: NodeJS.ProcessEnv = {}): Promise<RunningStack> {
  const { TEMPORAL_ADDRESS, OPENAI_BASE_URL } = inject('stackEnv');
  const given = { PATH: process.env['PATH'], TEMPORAL_ADDRESS, OPENAI_BASE_URL, ...env };
  return startStack({ folder, env: given, progress: linesTo((line) => lines.push(line)) });
}

async function postgres(): Promise<ProcessIdentity> {
  const state = await readJson<{ identity: ProcessIdentity }>(join(folder, 'postgres.json'));
  return state!.identity;
}

async function query(stack: RunningStack, text: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: stack.env['DATABASE_URL'] });
  await client.connect();
  const { rows } = await client.query(text);
  await client.end();
  return rows as unknown[];
}

describe('the embedded stack', () => {
  it('starts with pgvector, uses what runs already, and keeps data and keys from one start to the next', async () => {
    const first = await start();
    await query(first, `create extension vector; create table kept as select '[1,2]'::vector as v`);
    const again = await start();
    expect(await postgres()).toEqual(await postgres());
    expect(lines.filter((line) => line.startsWith('✔ Starting Postgres'))).toHaveLength(1);
    expect(again.env).toEqual({ ...first.env, PORT: again.env['PORT'] });
    await again.release();
    expect(await isAlive(await postgres().catch(() => ({ pid: 0, startedAt: '' })))).toBe(false);
    const next = await start();
    expect(await query(next, 'select v::text from kept')).toEqual([{ v: '[1,2]' }]);
    expect(next.env['EARSHOT_MASTER_KEY']).toBe(first.env['EARSHOT_MASTER_KEY']);
    await next.release();
  });

  it('starts below a folder that only its owner may enter, as a clone under /root is', async () => {
    await chmod(folder, 0o700);
    const stack = await start();
    expect(await query(stack, 'select 1 as n')).toEqual([{ n: 1 }]);
    await stack.release();
  });

  it('starts again on the same data after kill -9 of Postgres', async () => {
    const first = await start();
    await query(first, 'create table kept as select 1 as n');
    const before = await postgres();
    process.kill(before.pid, 'SIGKILL');
    await until('it is dead', async () => !(await isAlive(before)));
    const next = await start();
    expect(await query(next, 'select n from kept')).toEqual([{ n: 1 }]);
    await next.release();
  });

  it('is not blocked by what a killed user left: its lock, its note and its running parts', async () => {
    const script = `
      import { startStack } from '${PROJECT}/src/stack/stack.ts';
      await startStack({ folder: process.env.FOLDER, env: process.env, progress: { say() {}, step: (_, run) => run(() => {}) } });
      console.log('up');
      setInterval(() => {}, 1000);`;
    const { TEMPORAL_ADDRESS, OPENAI_BASE_URL } = inject('stackEnv');
    const env = { PATH: process.env['PATH'], FOLDER: folder, TEMPORAL_ADDRESS, OPENAI_BASE_URL };
    const user = spawn(process.execPath, ['--input-type=module', '-e', script], { env });
    await new Promise((resolve) => user.stdout.once('data', resolve));
    user.kill('SIGKILL');
    await new Promise((resolve) => user.once('exit', resolve));
    await writeFile(join(folder, 'lock'), JSON.stringify({ pid: user.pid, startedAt: 'long ago' }));
    const next = await start();
    expect(lines.some((line) => line.includes('Starting Postgres'))).toBe(false);
    const identity = await postgres();
    await next.release();
    expect(await isAlive(identity)).toBe(false);
  });

  it('takes another port when the preferred one is in use', async () => {
    const blocker = createServer();
    await new Promise<void>((resolve) =>
      blocker.once('error', () => resolve()).listen(54_329, '127.0.0.1', () => resolve()),
    );
    const stack = await start();
    expect(new URL(stack.env['DATABASE_URL']!).port).not.toBe('54329');
    await stack.release();
    blocker.close();
  });

  it('leaves out each part whose address is given', async () => {
    const stack = await start({ DATABASE_URL: inject('stackEnv')['DATABASE_URL'] });
    expect(lines).toEqual([]);
    expect(stack.env['DATABASE_URL']).toBe(inject('stackEnv')['DATABASE_URL']);
    await stack.release();
  });
});

describe('a missing prerequisite', () => {
  it('is told in one line that names the ways out', async () => {
    const nothing = { PATH: folder };
    await expect(checkPrerequisites(nothing)).rejects.toThrow(
      /^Python 3\.10 to 3\.14.*DATABASE_URL.*OPENAI_BASE_URL.*$/m,
    );
    const given = { PATH: folder, DATABASE_URL: 'x', OPENAI_BASE_URL: 'x', TEMPORAL_ADDRESS: 'x' };
    await checkPrerequisites(given);
  });

  it.each([
    ['(3, 9, 18)', 'refused'],
    ['(3, 10, 0)', 'taken'],
    ['(3, 14, 9)', 'taken'],
    ['(3, 15, 0)', 'refused'],
  ])('of Python: %s is %s', async (version, outcome) => {
    const { stdout } = await promisify(execFile)('python3', ['-c', 'import sys; print(sys.executable)']);
    const script = `#!/bin/sh\nexec ${stdout.trim()} -c "import sys; sys.version_info = ${version}; $2"`;
    await writeFile(join(folder, 'python3'), script, { mode: 0o755 });
    const check = checkPrerequisites({ PATH: folder, TEMPORAL_ADDRESS: 'x' });
    if (outcome === 'taken') await check;
    else await expect(check).rejects.toThrow('Python 3.10 to 3.14');
  });
});
