import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { audit, type FoundRecord } from '../../bench/load/audit.ts';
import { openChannel } from '../../bench/load/channel.ts';
import { lookByApi } from '../../bench/load/look-by-api.ts';
import { lookBySql } from '../../bench/load/look-by-sql.ts';
import { readOptions, type LoadOptions } from '../../bench/load/options.ts';
import { isClean, type LoadReport } from '../../bench/load/report/report.ts';
import { runLoad } from '../../bench/load/run.ts';
import { readWitness, type Acknowledged } from '../../bench/load/witness.ts';
import { serveStubModels, type StubModels } from '../../bench/stub-models/server.ts';
import { PROJECT } from '../../src/stack/tools.ts';
import { API_KEY, startEarshot, type TestEarshot } from '../support/earshot.ts';

// A few seconds of the surge against a whole Earshot with the stub of the models.

const FLAGS = '--times 4 --minutes 0.1 --speed 240 --late 0.1 --duplicates 0.15 --out-of-order 0.1 --sample-rate 1000';
const LATE_AFTER_MS = 15 * 60_000;

let stub: StubModels;
let earshot: TestEarshot;
let folder: string;
let report: LoadReport;
let acknowledged: Acknowledged[];
let database: pg.Pool;

beforeAll(async () => {
  stub = await serveStubModels({ speechRealTimeFactor: 1e4, screenTextMs: 5, captionMs: 5, embeddingBaseMs: 1 });
  earshot = await startEarshot({ models: stub });
  folder = await mkdtemp(join(tmpdir(), 'earshot-load-'));
  const { DATABASE_URL: databaseUrl, PORT } = earshot.env;
  database = new pg.Pool({ connectionString: databaseUrl, max: 2 });
  const target = {
    url: `http://127.0.0.1:${PORT}`,
    apiKey: API_KEY,
    databaseUrl,
    processes: { 'API and workers': earshot.application!.child.pid! },
    modelStats: () => stub.stats(),
    stop: () => Promise.resolve(),
  };
  const options = readOptions(FLAGS.split(' ')) as LoadOptions;
  report = await runLoad('test', folder, options, target, new AbortController().signal, () => undefined);
  acknowledged = await readWitness(join(folder, 'witness.jsonl'));
});
afterAll(async () => {
  await database?.end();
  await earshot?.stop();
  await stub?.stop();
  await rm(folder, { recursive: true, force: true });
});

describe('a load', () => {
  it('lands whole: accepted is reachable, nothing lost, nothing doubled', () => {
    const { arrivals, copies } = report.load;
    const records = arrivals.message + arrivals.call + arrivals.screenshot;
    expect(records).toBeGreaterThan(20);
    expect(copies).toBeGreaterThan(0);
    expect(report.sent).toMatchObject({ due: records + copies, accepted: records + copies, rejected: {}, givenUp: 0 });
    expect(report.audit).toMatchObject({ acknowledged: records, lost: [], doubled: [], merged: [], split: [] });
    expect(report.audit.fates).toMatchObject({ reachable: records, quarantined: 0, failed: 0, waiting: 0 });
    expect(isClean(report)).toBe(true);
    expect(acknowledged.length).toBe(records + copies);
  });

  it('reports freshness by stage, the backlog in every second and the use of the machine, and draws them', async () => {
    for (const { modality, records, late, freshness, course } of report.modalities) {
      expect(records, modality).toBeGreaterThan(0);
      const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
      expect([sum(course.accepted), sum(course.reached), course.waiting.at(-1)]).toEqual([records, records, 0]);
      if (records > late) expect(freshness.totalMs!.p99).toBeGreaterThanOrEqual(freshness.transformMs!.p50);
    }
    expect(report.modalities.reduce((sum, { late }) => sum + late, 0)).toBe(report.load.late);
    expect(report.models!.embeddings.items).toBeGreaterThan(20);
    expect(report.processes[0]).toMatchObject({ name: 'API and workers' });
    expect(report.processes[0]!.cpuSeconds).toBeGreaterThan(0);
    expect(JSON.parse(await readFile(join(folder, 'report.json'), 'utf8'))).toMatchObject({ run: 'test', quiet: true });
    const page = await readFile(join(folder, 'report.html'), 'utf8');
    expect(page.match(/<svg/g)).toHaveLength(6);
    expect(page).toContain('RSS slope of the second half, MiB/h');
    expect(page).not.toMatch(/NaN|undefined|Infinity/);
  });

  it('is audited by the API with the same outcome as in the tables', async () => {
    const ids = [...new Set(acknowledged.map(({ interactionId }) => interactionId))];
    const channel = openChannel(`http://127.0.0.1:${earshot.env['PORT']}`, API_KEY, 8);
    const inOrder = (found: readonly FoundRecord[]) =>
      found.toSorted((one, other) => one.interactionId.localeCompare(other.interactionId));
    // The database's clock has microseconds, an answer of the API milliseconds: both are dates of milliseconds here.
    expect(inOrder(await lookByApi(channel)(ids))).toEqual(inOrder(await lookBySql(database, 'default')(ids)));
    channel.close();
  });
});

/** The command itself, against the Earshot of this file. */
async function command(...flags: string[]): Promise<{ code: number; out: string }> {
  const given = ['--url', `http://127.0.0.1:${earshot.env['PORT']}`, '--key', API_KEY];
  const args = [join(PROJECT, 'bench/load/main.ts'), ...given, ...flags];
  return promisify(execFile)(process.execPath, args).then(
    ({ stdout }) => ({ code: 0, out: stdout }),
    (error: { code: number; stdout: string }) => ({ code: error.code, out: error.stdout }),
  );
}

describe('npm run load', () => {
  it('loads an Earshot that runs through its API alone, and writes its report', async () => {
    const { code, out } = await command(...FLAGS.replace('--times 4', '--times 1').split(' '), '--seed', '2');
    const page = out.trim().split('\n').at(-1)!;
    expect(await readFile(page, 'utf8')).toContain(' 0 lost, 0 doubled');
    expect(code, out).toBe(0);
    await rm(dirname(page), { recursive: true, force: true });
  });

  it('audits the witness of an earlier run', async () => {
    const { code, out } = await command('--audit', join(folder, 'witness.jsonl'));
    expect(out).toMatch(/│ lost +│ 0 +│/);
    expect(code).toBe(0);
  });
});

describe('the auditor', () => {
  it('finds a record that is gone, one whose vector is gone, and one that is there twice', async () => {
    const ids = [...new Set(acknowledged.map(({ interactionId }) => interactionId))];
    const [gone, hollow, doubled] = ids as [string, string, string];
    await database.query('delete from artifact where interaction_id = $1', [gone]);
    await database.query('delete from freshness where interaction_id = $1', [gone]);
    await database.query(
      'delete from embedding where chunk_id in (select chunk_id from chunk where interaction_id = $1)',
      [hollow],
    );
    await database.query(
      `create temporary table copied as select * from artifact where interaction_id = $1 limit 1;
       update copied set artifact_id = gen_random_uuid();
       insert into artifact select * from copied`.replace('$1', `'${doubled}'`),
    );
    const seen = await audit(acknowledged, lookBySql(database, 'default'), LATE_AFTER_MS);
    expect(seen.lost.toSorted()).toEqual([gone, hollow].toSorted());
    expect(seen.doubled).toEqual([doubled]);
    expect(seen.fates).toMatchObject({ lost: 2, reachable: ids.length - 2 });
    const witness = join(folder, 'witness.jsonl');
    const { code, out } = await command('--audit', witness, '--database', earshot.env['DATABASE_URL']!);
    expect(out).toMatch(/│ lost +│ 2 +│/);
    expect(code).toBe(1);
  });

  it('finds two arrivals under one id, and one arrival under two', async () => {
    const nothing = () => Promise.resolve([]);
    const pairs = [
      { name: 'a', interactionId: '1' },
      { name: 'b', interactionId: '1' },
      { name: 'c', interactionId: '2' },
      { name: 'c', interactionId: '3' },
      { name: 'd', interactionId: '4' },
      { name: 'd', interactionId: '4' },
    ];
    expect(await audit(pairs, nothing, 0)).toMatchObject({ acknowledged: 4, merged: ['1'], split: ['c'] });
  });
});
