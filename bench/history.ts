import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { rm, writeFile } from 'node:fs/promises';
import { loadavg } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Connection } from '@temporalio/client';
import Table from 'cli-table3';
import pg from 'pg';
import { startApplication } from '../src/stack/application.ts';
import { LOCAL_MODELS } from '../src/stack/models.ts';
import { readJson, type ProcessIdentity } from '../src/stack/processes.ts';
import { linesTo } from '../src/stack/progress.ts';
import { startStack, stopParts } from '../src/stack/stack.ts';
import { CACHE } from '../src/stack/tools.ts';
import { moveDials } from './load/target.ts';
import { usesOf } from './load/processes.ts';
import { startStubModels } from './stub-models/start.ts';

// `node bench/history.ts [ROUNDS]`: imports 2,000 messages of 1,000 conversations as history, by turns with a run for each
// conversation and through the lane, with the stub of the models: messages a second, and what all processes take for it.

const MESSAGES = 2_000;
const CONVERSATIONS = 1_000;

/** As fast as the machine can; nothing runs by itself meanwhile. */
const DIALS = {
  'canary.interval_ms': 0,
  'reconcile.interval_ms': 0,
  'import.max_records_per_second': 10_000,
  'import.max_waiting_records': 1_000_000,
  'import.max_late_records': 1_000_000,
};

interface Round {
  readonly lane: boolean;
  readonly messagesPerSecond: number;
  /** CPU seconds per 1,000 messages by process. */
  readonly cpu: Readonly<Record<string, number>>;
  readonly runs: number;
  readonly load: number;
}

const rounds = Number(process.argv[2] ?? 2);
const folder = join(CACHE, 'bench-history');
const progress = linesTo((line) => console.log(line));
await stopParts(folder);
await rm(folder, { recursive: true, force: true });
const stub = await startStubModels();
const stack = await startStack({
  folder,
  env: { ...process.env, ...LOCAL_MODELS, OPENAI_BASE_URL: stub.url },
  progress,
});
const application = await startApplication({ env: stack.env, folder });
const database = new pg.Pool({ connectionString: stack.env['DATABASE_URL']!, max: 2 });
const temporal = await Connection.connect({ address: stack.env['TEMPORAL_ADDRESS']! });
try {
  const partPid = async (name: string) =>
    (await readJson<{ identity: ProcessIdentity }>(join(folder, `${name}.json`)))!.identity.pid;
  const processes = {
    'API and workers': application.child.pid!,
    Postgres: await partPid('postgres'),
    Temporal: await partPid('temporal'),
    stub: stub.pid,
    import: process.pid,
  };
  const done: Round[] = [];
  for (let round = 0; round < 2 * rounds; round++) {
    const lane = round % 2 === 1;
    await moveDials(application.url, application.apiKey, { ...DIALS, 'history.lane': Number(lane) });
    // Dials are read now and then.
    await delay(3_000);
    const name = `round-${round}`;
    done.push(
      await progress.step(`${name}, ${lane ? 'the lane' : 'a run each'}`, () => measure(name, lane, processes)),
    );
  }
  report(done, Object.keys(processes));
} finally {
  await temporal.close();
  await database.end();
  await application.stop();
  await stack.release();
  await stub.stop();
}

async function measure(name: string, lane: boolean, processes: Readonly<Record<string, number>>): Promise<Round> {
  const file = join(folder, `${name}.ndjson`);
  await writeFile(file, historyOf(name));
  const [before, runsBefore] = [usesOf(processes), await countRuns()];
  const began = performance.now();
  const child = spawn(process.execPath, ['workers/import.ts', file], {
    env: stack.env,
    stdio: ['ignore', 'ignore', 2],
  });
  await once(child, 'exit');
  await untilReachable(name);
  const seconds = (performance.now() - began) / 1_000;
  // What closes after the last record is reachable belongs to it.
  await delay(5_000);
  const after = usesOf(processes);
  const each = (part: string) => ((after[part]!.cpuSeconds - before[part]!.cpuSeconds) / MESSAGES) * 1_000;
  return {
    lane,
    messagesPerSecond: MESSAGES / seconds,
    cpu: Object.fromEntries(Object.keys(processes).map((part) => [part, each(part)])),
    runs: (await countRuns()) - runsBefore,
    load: loadavg()[0]!,
  };
}

function historyOf(name: string): string {
  const lines = Array.from({ length: MESSAGES }, (_, index) => ({
    type: 'message',
    conversationId: `${name}-${Math.floor((index * CONVERSATIONS) / MESSAGES)}`,
    messageId: `${name}-${index}`,
    customerId: `${name}-${Math.floor((index * CONVERSATIONS) / MESSAGES)}`,
    sentAt: new Date(Date.UTC(2026, 0, 1, 0, 0, index)).toISOString(),
    author: index % 2 === 0 ? 'customer' : 'agent',
    text: `In ${name} the invoice ${index} was paid twice and the refund has not arrived.`,
  }));
  return lines.map((line) => JSON.stringify(line)).join('\n');
}

async function untilReachable(name: string): Promise<void> {
  const sql = `select count(*)::integer as n from chunk join freshness using (tenant, interaction_id)
    where freshness.state = 'reachable' and chunk.text like $1`;
  for (;;) {
    const { rows } = await database.query<{ n: number }>(sql, [`In ${name} %`]);
    if (rows[0]!.n >= MESSAGES) return;
    await delay(250);
  }
}

async function countRuns(): Promise<number> {
  const namespace = stack.env['TEMPORAL_NAMESPACE']!;
  const query = 'WorkflowType in ("conversation", "historyLane")';
  return Number((await temporal.workflowService.countWorkflowExecutions({ namespace, query })).count);
}

function report(done: readonly Round[], parts: readonly string[]): void {
  const head = ['', 'messages/s', ...parts.map((part) => `CPU s/1,000: ${part}`), 'all but the stub', 'runs', 'load'];
  const table = new Table({ head, style: { head: [], border: [] }, wordWrap: true });
  for (const { lane, messagesPerSecond, cpu, runs, load } of done) {
    const all = parts.filter((part) => part !== 'stub').reduce((sum, part) => sum + cpu[part]!, 0);
    const figures = [...parts.map((part) => cpu[part]!.toFixed(1)), all.toFixed(1)];
    table.push([lane ? 'lane' : 'a run each', messagesPerSecond.toFixed(0), ...figures, runs, load.toFixed(1)]);
  }
  console.log(table.toString());
}
