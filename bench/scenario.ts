import { setTimeout as delay } from 'node:timers/promises';
import type { WorkflowClient } from '@temporalio/client';
import type pg from 'pg';
import { percentileOf } from '../src/domain/percentile.ts';
import type { BenchClient } from './client.ts';

export interface Scenario {
  readonly name: string;
  readonly conversations: number;
  readonly messagesEach: number;
  /** Requests under way at a time. */
  readonly concurrency: number;
}

export interface ScenarioResult {
  readonly name: string;
  /** From the first request to the last record reachable by vector. */
  readonly messagesPerSecond: number;
  readonly answerMs: readonly number[];
  /** From the 202 to a copilot's answer that has the text; for lone chats. */
  readonly textMs: readonly number[];
  /** From the acceptance to reachable by vector, by the database's clock. */
  readonly vectorMs: readonly number[];
  readonly eventsPerMessage: number;
  readonly roundTripsPerMessage: number;
  readonly modelCallsPerMessage: number;
}

export interface BenchWorld {
  readonly client: BenchClient;
  readonly temporal: WorkflowClient;
  readonly database: pg.Pool;
}

const WORDS =
  'invoice refund parcel login password checkout error payment delay account storage update crash address'.split(' ');

export async function runScenario(scenario: Scenario, world: BenchWorld): Promise<ScenarioResult> {
  const { client, database } = world;
  const run = Math.random().toString(36).slice(2, 8);
  const before = await counters(client);
  const messages = Array.from({ length: scenario.conversations * scenario.messagesEach }, (_, index) => ({
    conversation: `${run}-${index % scenario.conversations}`,
    id: `${run}-${index}`,
    text: `${WORDS[index % WORDS.length]} ${WORDS[(index * 7) % WORDS.length]} number ${run}x${index}`,
  }));
  const answerMs: number[] = [];
  const textMs: number[] = [];
  const ids: string[] = [];
  const workflows = new Set<string>();
  const started = performance.now();
  const next = messages[Symbol.iterator]();
  const sender = async () => {
    for (const message of next) {
      const asked = performance.now();
      const accepted = await client.post<{ interactionId: string; workflowId: string }>(
        `/v1/chats/${message.conversation}/messages`,
        {
          messageId: message.id,
          customerId: `bench-${message.conversation}`,
          sentAt: new Date().toISOString(),
          author: 'customer',
          text: message.text,
        },
      );
      answerMs.push(performance.now() - asked);
      ids.push(accepted.interactionId);
      workflows.add(accepted.workflowId);
      if (scenario.concurrency === 1) textMs.push(await untilText(client, message));
      if (scenario.concurrency === 1) await untilReachable(database, [accepted.interactionId]);
    }
  };
  await Promise.all(Array.from({ length: scenario.concurrency }, sender));
  await untilReachable(database, ids);
  const seconds = (performance.now() - started) / 1000;
  const after = await counters(client);
  return {
    name: scenario.name,
    messagesPerSecond: messages.length / seconds,
    answerMs,
    textMs,
    vectorMs: await vectorTimes(database, ids),
    eventsPerMessage: (await countEvents(world.temporal, workflows)) / messages.length,
    // The text query of a lone chat costs four round trips of its own.
    roundTripsPerMessage: (after.roundTrips - before.roundTrips) / messages.length,
    modelCallsPerMessage: (after.batches - before.batches) / messages.length,
  };
}

/** Statements of the write path, and batches, each of which is one model request. */
async function counters(client: BenchClient): Promise<{ roundTrips: number; batches: number }> {
  const statements = ['accept_interaction', 'take_messages', 'store_embeddings', 'probe_reachable', 'settle'];
  const counts = await Promise.all(
    statements.map((name) => client.metric('earshot_database_round_trips_total', `statement="${name}"`)),
  );
  return {
    roundTrips: counts.reduce((sum, count) => sum + count, 0),
    batches: await client.metric('earshot_chat_batch_messages_count'),
  };
}

async function untilText(client: BenchClient, message: { conversation: string; text: string }): Promise<number> {
  const accepted = performance.now();
  for (;;) {
    const body = { query: message.text, customerId: `bench-${message.conversation}`, mode: 'text', k: 1 };
    const { results } = await client.post<{ results: unknown[] }>('/v1/retrieve', body);
    if (results.length > 0) return performance.now() - accepted;
  }
}

async function untilReachable(database: pg.Pool, ids: readonly string[]): Promise<void> {
  for (;;) {
    const { rows } = await database.query<{ waiting: number }>(
      `select count(*)::integer as waiting from freshness where interaction_id = any($1) and state <> 'reachable'`,
      [ids],
    );
    if (rows[0]?.waiting === 0) return;
    await delay(20);
  }
}

async function vectorTimes(database: pg.Pool, ids: readonly string[]): Promise<number[]> {
  const { rows } = await database.query<{ ms: number }>(
    `select (extract(epoch from reachable_at - accepted_at) * 1000)::float8 as ms from freshness where interaction_id = any($1)`,
    [ids],
  );
  return rows.map(({ ms }) => ms);
}

async function countEvents(temporal: WorkflowClient, workflows: ReadonlySet<string>): Promise<number> {
  let events = 0;
  await delay(1_500);
  for await (const { workflowId, historyLength } of temporal.list()) {
    if (workflows.has(workflowId)) events += historyLength ?? 0;
  }
  return events;
}

/** Nearest-rank percentile. */
export function percentile(values: readonly number[], share: number): number {
  return percentileOf(values, share) ?? Number.NaN;
}
