import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import type { TestProject } from 'vitest/node';
import { ensureLiveIndexVersion } from '../../src/db/index-versions.ts';
import { migrate } from '../../src/db/migrate.ts';
import { linesTo } from '../../src/stack/progress.ts';
import { startStack, stopParts } from '../../src/stack/stack.ts';
import { CACHE } from '../../src/stack/tools.ts';
import { versitygwExecutable } from './versitygw.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** Settings of the stack that all tests share. */
    stackEnv: Record<string, string>;
  }
}

/** The migrated database that each test file's own is cloned from. */
export const TEMPLATE = 'earshot_template';

/** One fresh embedded stack for the whole run. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const folder = join(CACHE, 'test-stack');
  await stopParts(folder);
  await rm(folder, { recursive: true, force: true });
  const progress = linesTo((line) => console.log(line));
  await versitygwExecutable(progress, process.env);
  const stack = await startStack({ folder, env: environment(), progress });
  await makeTemplate(stack.env['DATABASE_URL']!, stack.env).catch(async (error: unknown) => {
    await stack.release();
    throw error;
  });
  project.provide('stackEnv', { ...stack.env });
  return () => stack.release();
}

/** Settings of the caller's shell must not decide what is tested. */
function environment(): NodeJS.ProcessEnv {
  const { PATH, HOME, TMPDIR, GOPROXY, GOFLAGS, GOPATH, GOCACHE } = process.env;
  const proxies = Object.entries(process.env).filter(([name]) => /^(PIP|SSL|HTTPS?|NO)_|^GO|_PROXY$/i.test(name));
  return { ...Object.fromEntries(proxies), PATH, HOME, TMPDIR, GOPROXY, GOFLAGS, GOPATH, GOCACHE };
}

async function makeTemplate(serverUrl: string, env: Readonly<Record<string, string>>): Promise<void> {
  const client = new pg.Client({ connectionString: serverUrl });
  await client.connect();
  await client.query(`create database ${TEMPLATE}`);
  await client.end();
  const url = new URL(serverUrl);
  url.pathname = TEMPLATE;
  await migrate(url.href);
  await ensureLiveIndexVersion(url.href, env['EMBEDDING_MODEL']!, Number(env['EMBEDDING_DIMENSIONS']));
}
