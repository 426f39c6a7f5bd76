import { setTimeout as delay } from 'node:timers/promises';
import Table from 'cli-table3';
import pg from 'pg';
import { keyedIds } from '../src/domain/ids.ts';
import type { BenchClient } from './client.ts';
import { loadCorpus, sealPayloads } from './corpus.ts';
import { percentile } from './scenario.ts';

/** Customers that are erased, by their number of chunks, and those that go on asking meanwhile. */
const SIZES = [1_000, 10_000, 100_000];
const OTHERS = 50;
const CHUNKS_OF_OTHERS = 200;

interface Outcome {
  readonly chunks: number;
  /** From the request to the certificate, less the pause before the second pass. */
  readonly seconds: number;
  readonly steps: Readonly<Record<string, number>>;
  readonly usualMs: readonly number[];
  readonly duringMs: readonly number[];
  /** Longest that a writer of another customer waited for its 202. */
  readonly longestWriteMs: number;
}

/** Erases customers of growing size, while others ask and write. */
export async function benchErasure(client: BenchClient, env: Readonly<Record<string, string>>): Promise<void> {
  const database = new pg.Pool({ connectionString: env['DATABASE_URL']!, max: 4 });
  const ids = keyedIds(Buffer.from(env['EARSHOT_CUSTOMER_SECRET']!, 'hex'));
  const keyOf = (customerId: string) => ids.customerKey('default', customerId);
  await client.put('/v1/dials/erasure.second_pass_after_ms', { value: 0 });
  await loadCorpus(database, [
    ...SIZES.map((chunks) => ({ customerKey: keyOf(`erased-${chunks}`), chunks })),
    ...Array.from({ length: OTHERS }, (_, index) => ({
      customerKey: keyOf(`other-${index}`),
      chunks: CHUNKS_OF_OTHERS,
    })),
  ]);
  const masterKey = Buffer.from(env['EARSHOT_MASTER_KEY']!, 'hex');
  for (let index = 0; index < OTHERS; index++) {
    const customerId = `other-${index}`;
    await sealPayloads(database, masterKey, { customerId, customerKey: keyOf(customerId) });
  }
  const outcomes: Outcome[] = [];
  for (const chunks of SIZES) outcomes.push(await eraseBesideOthers(client, database, chunks));
  await database.end();
  report(outcomes);
}

async function eraseBesideOthers(client: BenchClient, database: pg.Pool, chunks: number): Promise<Outcome> {
  await ask(client, () => delay(2_000));
  const { retrievalMs: usualMs } = await ask(client, () => delay(5_000));
  const steps: Record<string, number> = {};
  const started = performance.now();
  const { retrievalMs: duringMs, writeMs } = await ask(client, async () => {
    const body = { customerId: `erased-${chunks}`, reason: 'bench' };
    const { erasureId } = await client.post<{ erasureId: string }>('/v1/erasures', body);
    await followSteps(database, erasureId, steps);
  });
  const seconds = (performance.now() - started) / 1000 - (steps['secondPass'] ?? 0);
  return { chunks, seconds, steps, usualMs, duringMs, longestWriteMs: Math.max(...writeMs) };
}

/** Sums the seconds that an erasure spends in each of its steps, as the ledger tells them, until it is completed. */
async function followSteps(database: pg.Pool, erasureId: string, steps: Record<string, number>): Promise<void> {
  let last = performance.now();
  for (;;) {
    const { rows } = await database.query<{ step: string; state: string }>(
      'select step, state from erasure where erasure_id = $1',
      [erasureId],
    );
    const now = performance.now();
    const { step, state } = rows[0]!;
    steps[step] = (steps[step] ?? 0) + (now - last) / 1000;
    last = now;
    if (state === 'completed') return;
    await delay(10);
  }
}

/** Questions and messages of others, one after the other of each, while something goes on. */
async function ask(
  client: BenchClient,
  meanwhile: () => Promise<unknown>,
): Promise<{ retrievalMs: number[]; writeMs: number[] }> {
  let goesOn = true;
  const retrievalMs: number[] = [];
  const writeMs: number[] = [];
  const timed = async (into: number[], action: () => Promise<unknown>) => {
    const began = performance.now();
    await action();
    into.push(performance.now() - began);
  };
  const asking = async () => {
    for (let turn = 0; goesOn; turn++) {
      const body = { query: `refund of an invoice ${turn % 20}`, customerId: `other-${turn % OTHERS}` };
      await timed(retrievalMs, () => client.post('/v1/retrieve', body));
      await delay(20);
    }
  };
  const writing = async () => {
    for (let turn = 0; goesOn; turn++) {
      const name = `writer-${turn % 5}`;
      const sentAt = new Date().toISOString();
      const message = {
        messageId: `${name}-${sentAt}`,
        customerId: name,
        sentAt,
        author: 'customer',
        text: 'a message',
      };
      await timed(writeMs, () => client.post(`/v1/chats/${name}/messages`, message));
      await delay(200);
    }
  };
  const others = Promise.all([asking(), writing()]);
  await meanwhile();
  goesOn = false;
  await others;
  return { retrievalMs, writeMs };
}

function report(outcomes: readonly Outcome[]): void {
  const table = new Table({
    head: [
      'chunks',
      's',
      'ms per chunk',
      'retrieval of others, usual p50/p99',
      'during p50/p99',
      'ratio p99',
      'longest 202',
    ],
    style: { head: [], border: [] },
  });
  const pair = (values: readonly number[]) =>
    `${percentile(values, 0.5).toFixed(0)} / ${percentile(values, 0.99).toFixed(0)}`;
  for (const { chunks, seconds, usualMs, duringMs, longestWriteMs } of outcomes) {
    table.push([
      chunks,
      seconds.toFixed(1),
      ((seconds * 1000) / chunks).toFixed(2),
      pair(usualMs),
      pair(duringMs),
      (percentile(duringMs, 0.99) / percentile(usualMs, 0.99)).toFixed(2),
      longestWriteMs.toFixed(0),
    ]);
  }
  console.log(`\nErasure\n${table.toString()}\nTimes in milliseconds where not said otherwise.`);
  for (const { chunks, steps } of outcomes) {
    const parts = Object.entries(steps).filter(([, seconds]) => seconds >= 0.05);
    console.log(`  ${chunks}: ${parts.map(([step, seconds]) => `${step} ${seconds.toFixed(2)} s`).join(', ')}`);
  }
}
