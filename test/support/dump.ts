import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { postgresPrograms } from '../../src/stack/postgres.ts';
import { linesTo } from '../../src/stack/progress.ts';
import { pythonEnvironment, runCommand } from '../../src/stack/tools.ts';

/** A copy of a database at one moment, outside of the server. */
export interface Dump {
  /** Puts the database back to that moment. Nobody may be at work in it; who is connected is thrown out. */
  restore(): Promise<void>;
  remove(): Promise<void>;
}

/** What an operator does each night: `pg_dump`. */
export async function dumpDatabase(url: string): Promise<Dump> {
  const folder = await mkdtemp(join(tmpdir(), 'earshot-dump-'));
  const file = join(folder, 'database.dump');
  const python = await pythonEnvironment(
    linesTo(() => undefined),
    process.env,
  );
  const { bin } = await postgresPrograms(python, process.env);
  const run = (program: string, ...args: string[]) => runCommand(join(bin, program), args, process.env);
  await run('pg_dump', '--format=custom', `--file=${file}`, url);
  return {
    restore: async () => {
      await remake(url);
      await run('pg_restore', '--exit-on-error', `--dbname=${url}`, file);
    },
    remove: () => rm(folder, { recursive: true }),
  };
}

async function remake(url: string): Promise<void> {
  const server = new URL(url);
  const name = server.pathname.slice(1);
  server.pathname = 'postgres';
  const client = new pg.Client({ connectionString: server.href });
  await client.connect();
  await client.query(`drop database ${name} with (force)`);
  await client.query(`create database ${name} template template0`);
  await client.end();
}
