import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { linesTo } from '../../src/stack/progress.ts';
import { startStack, stopParts, type RunningStack } from '../../src/stack/stack.ts';
import { CACHE } from '../../src/stack/tools.ts';
import { formsOf, scanFolders, type Needle, type Sighting } from '../support/byte-scan.ts';
import { startEarshot, type TestEarshot } from '../support/earshot.ts';
import { AT_ONCE, erase } from '../support/erasures.ts';
import { startFakeModels, type FakeModels } from '../support/fake-models.ts';
import { namesOf, QUOKKA, remember, vectorsOf, WOBBEGONG, wordsOf } from '../support/unusual-customers.ts';

const FOLDER = join(CACHE, 'bytes-stack');

let models: FakeModels;
let stack: RunningStack | undefined;
let earshot: TestEarshot;
/** What must be gone: ids, words and their stems, vectors. */
let erased: Needle[];
let erasedRuns: Needle[];
let kept: Needle[];

beforeAll(async () => {
  await removeStack();
  models = await startFakeModels();
  stack = await startStack({ folder: FOLDER, env: settings(), progress: linesTo(() => undefined) });
  earshot = await startEarshot({ models, stackEnv: stack.env, dials: AT_ONCE, env: { LOG_LEVEL: 'trace' } });
  await keepReadable();
  const workflowIds = await remember(earshot, models, WOBBEGONG);
  erasedRuns = workflowIds.flatMap(formsOf);
  erased = [
    ...[...namesOf(WOBBEGONG), ...(await wordsOf(earshot, WOBBEGONG))].flatMap(formsOf),
    ...(await vectorsOf(earshot, workflowIds)),
  ];
  kept = [
    ...(await wordsOf(earshot, QUOKKA)).flatMap(formsOf),
    ...(await vectorsOf(earshot, await remember(earshot, models, QUOKKA))),
  ];
});
afterAll(async () => {
  await earshot?.stop();
  await stack?.release();
  await removeStack();
  await models?.stop();
});

async function removeStack(): Promise<void> {
  await stopParts(FOLDER);
  await rm(FOLDER, { recursive: true, force: true });
}

/** Of a stack with its own Postgres and Temporal; the models are fake. */
function settings(): NodeJS.ProcessEnv {
  const own = ['DATABASE_URL', 'TEMPORAL_ADDRESS', 'TEMPORAL_NAMESPACE', 'RAW_STORE_URL', 'PORT'];
  const shared = Object.entries(inject('stackEnv')).filter(([name]) => !own.includes(name));
  return { ...Object.fromEntries(shared), OPENAI_BASE_URL: models.url };
}

/** Long values are stored as they are: a scan cannot read what the database has compressed. */
async function keepReadable(): Promise<void> {
  await earshot.database.query('alter table artifact alter content set storage external');
  await earshot.database.query('alter table chunk alter text set storage external, alter words set storage external');
}

const scan = (needles: readonly Needle[]): Promise<Sighting[]> => scanFolders([FOLDER, earshot.folder], needles);

async function placesOf(needles: readonly Needle[]): Promise<string[]> {
  const sightings = await scan(needles);
  return [...new Set(sightings.map(({ file }) => file.replace(/^(postgres-\d+\/[a-z_]+).*/, '$1')))].sort();
}

/** What was seen, whatever the form. */
const seen = (names: readonly string[]) => new Set(names.map((name) => name.toLowerCase().replace(/ as .*/, '')));

/**
 * Empties the queues of the stopped Temporal server: the ids of deleted executions stay in its timers until these would
 * have fired, and in tasks that were done until matching clears them, which the certificate tells.
 */
function emptyQueues(): void {
  const database = new DatabaseSync(join(FOLDER, 'temporal.db'));
  const queues = ['timer_tasks', 'visibility_tasks', 'tasks', 'tasks_v2'];
  database.exec(`pragma secure_delete = on; ${queues.map((queue) => `delete from ${queue}`).join('; ')}`);
  database.close();
}

describe('the scan', () => {
  it('sees a word in every form, packed, and in the name of a file', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'earshot-scan-'));
    const forms = formsOf('Grünschnabel');
    const bytes = Buffer.concat(forms.flatMap(({ bytes: form }) => [Buffer.from('?'), form]));
    await writeFile(join(folder, 'plain'), bytes);
    await writeFile(join(folder, 'packed'), gzipSync(bytes));
    await writeFile(join(folder, 'grünschnabel.log'), '');
    const sightings = await scanFolders([folder], forms);
    await rm(folder, { recursive: true });
    for (const { name } of forms) {
      const files = sightings.filter(({ needle }) => needle === name).map(({ file }) => file);
      expect(files, name).toEqual(expect.arrayContaining(['plain', 'packed']));
    }
    expect(sightings).toContainEqual({ file: 'grünschnabel.log', needle: 'grünschnabel as utf8', offset: 0 });
  });

  it('finds all that a customer said in the tables and the log of the database, and who that was nowhere', async () => {
    await earshot.database.query('checkpoint');
    expect(await placesOf(namesOf(WOBBEGONG).flatMap(formsOf))).toEqual([]);
    expect(await placesOf(erased)).toEqual(['postgres-18/base', 'postgres-18/pg_wal']);
    const unnamed = erased.slice(namesOf(WOBBEGONG).flatMap(formsOf).length).map(({ name }) => name);
    expect(seen((await scan(erased)).map(({ needle }) => needle))).toEqual(seen(unnamed));
    // In the file or in its write-ahead log.
    expect((await placesOf(erasedRuns)).filter((place) => place.startsWith('temporal.db'))).not.toEqual([]);
  });
});

describe('an erasure', () => {
  it('leaves no byte of what the customer said, and all of what another one said', async () => {
    const { certificate } = await erase(earshot, WOBBEGONG.customerId);
    const stores = certificate.statement.exceptions.map(({ store }) => store);
    expect(stores).toEqual(['temporal.timers', 'postgres.backups']);
    expect(await scan(erased)).toEqual([]);
    expect(await placesOf(kept)).toContain('postgres-18/base');
  });

  it('leaves none in what the servers write when they stop, and none of the executions', async () => {
    await earshot.application?.stop();
    await stack?.release();
    expect(await scan(erased)).toEqual([]);
    expect(await readdir(FOLDER)).not.toContain('temporal.db-wal');
    emptyQueues();
    expect((await scan(erasedRuns)).filter(({ file }) => file.startsWith('temporal'))).toEqual([]);
    expect(seen((await scan(kept)).map(({ needle }) => needle))).toEqual(seen(kept.map(({ name }) => name)));
  });
});
