import { rm } from 'node:fs/promises';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { Connection, WorkflowClient } from '@temporalio/client';
import Table from 'cli-table3';
import pg from 'pg';
import { startApplication, type RunningApplication } from '../src/stack/application.ts';
import { linesTo } from '../src/stack/progress.ts';
import { startStack, stopParts } from '../src/stack/stack.ts';
import { CACHE } from '../src/stack/tools.ts';
import { BenchClient } from './client.ts';
import { benchErasure } from './erasure.ts';
import { benchReindex } from './reindex.ts';
import { benchRetrieval } from './retrieval/main.ts';
import { percentile, runScenario, type Scenario, type ScenarioResult } from './scenario.ts';

// `npm run bench`, or a part of it, `npm run bench -- chats erasure`, through the whole system with the real embedding
// model of the embedded stack. Figures are those of one machine; compare the ratios.

const SCENARIOS: readonly Scenario[] = [
  { name: 'warm-up', conversations: 20, messagesEach: 1, concurrency: 10 },
  { name: 'lone chats, one at a time', conversations: 40, messagesEach: 1, concurrency: 1 },
  { name: '50 concurrent chats, one message each', conversations: 50, messagesEach: 1, concurrency: 50 },
  { name: 'burst: 1,000 messages in 50 conversations', conversations: 50, messagesEach: 20, concurrency: 50 },
  { name: 'burst: 1,000 messages in 500 conversations', conversations: 500, messagesEach: 2, concurrency: 50 },
];

const folder = join(CACHE, 'bench');
const progress = linesTo((line) => console.log(line));
await stopParts(folder);
await rm(folder, { recursive: true, force: true });
const stack = await startStack({ folder, env: process.env, progress });
let application: RunningApplication | undefined;
try {
  application = await startApplication({ env: stack.env, folder });
  const client = new BenchClient(application.url, application.apiKey);
  if (wanted('chats')) await bench(client, stack.env);
  if (wanted('reindex')) await progress.step('re-embedding', () => benchReindex(client, stack.env));
  if (wanted('retrieval')) await progress.step('retrieval', () => benchRetrieval(client, stack.env));
  if (wanted('erasure')) await progress.step('erasures', () => benchErasure(client, stack.env));
} finally {
  await application?.stop();
  await stack.release();
}

function wanted(part: string): boolean {
  const parts = process.argv.slice(2);
  return parts.length === 0 || parts.includes(part);
}

async function bench(client: BenchClient, env: Readonly<Record<string, string>>): Promise<void> {
  const connection = await Connection.connect({ address: env['TEMPORAL_ADDRESS']! });
  const temporal = new WorkflowClient({ connection, namespace: env['TEMPORAL_NAMESPACE']! });
  const database = new pg.Pool({ connectionString: env['DATABASE_URL']!, max: 2 });
  const results: ScenarioResult[] = [];
  for (const scenario of SCENARIOS) {
    const result = await progress.step(scenario.name, () => runScenario(scenario, { client, temporal, database }));
    if (scenario.name !== 'warm-up') results.push(result);
  }
  await database.end();
  await connection.close();
  report(results);
}

function report(results: readonly ScenarioResult[]): void {
  console.log(
    `\n${cpus().length} cores, ${cpus()[0]?.model ?? ''}, Node ${process.version}, ${new Date().toISOString().slice(0, 10)}`,
  );
  const table = new Table({
    head: [
      'scenario',
      'msg/s',
      '202 p50/p99',
      'text after 202 p50/p99',
      'vector after 202 p50/p99',
      'events/msg',
      'Postgres round trips/msg',
      'model requests/msg',
    ],
    style: { head: [], border: [] },
    colWidths: [32, 8, 14, 16, 18, 12, 14, 12],
    wordWrap: true,
  });
  const pair = (values: readonly number[]) =>
    `${Math.round(percentile(values, 0.5))} / ${Math.round(percentile(values, 0.99))}`;
  for (const each of results) {
    table.push([
      each.name,
      Math.round(each.messagesPerSecond),
      pair(each.answerMs),
      each.textMs.length === 0 ? '–' : pair(each.textMs),
      pair(each.vectorMs),
      each.eventsPerMessage.toFixed(1),
      each.roundTripsPerMessage.toFixed(1),
      each.modelCallsPerMessage.toFixed(2),
    ]);
  }
  console.log(`${table.toString()}\nTimes in milliseconds.`);
  const [lone, , burst, wide] = results;
  if (lone === undefined || burst === undefined || wide === undefined) return;
  console.log(
    `Ratios in this run: burst to lone, messages per second ${ratio(burst.messagesPerSecond, lone.messagesPerSecond)};`,
  );
  console.log(`  events per message ${ratio(burst.eventsPerMessage, lone.eventsPerMessage)};`);
  console.log(`  round trips per message ${ratio(burst.roundTripsPerMessage, lone.roundTripsPerMessage)};`);
  console.log(
    `  500 conversations to 50, messages per second ${ratio(wide.messagesPerSecond, burst.messagesPerSecond)}.`,
  );
}

function ratio(a: number, b: number): string {
  return (a / b).toFixed(2);
}
