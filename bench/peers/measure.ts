import { setTimeout as delay } from 'node:timers/promises';
import { audit, isClean, storedRows } from './audit.ts';
import { ChannelClient } from './client.ts';
import { byPart, cpuOfParts, type ByPart } from './cpu-of-parts.ts';
import type { ContenderDatabase } from './database.ts';
import { chatMessages } from './messages.ts';
import { postgresCounters, type PostgresCounters } from './postgres-counters.ts';
import type { Promised } from './promised.ts';
import { untilReachable } from './reachable.ts';
import type { RunningContender } from './running.ts';
import type { Scenario } from './scenarios.ts';
import { sendAll } from './sending.ts';
import type { World } from './world.ts';

/** A contender while it runs, with its database and what its clients were promised. */
export interface Subject {
  readonly running: RunningContender;
  readonly database: ContenderDatabase;
  readonly promised: Promised;
  readonly world: World;
}

export interface Measurement {
  /** From the first request to the last message reachable. */
  readonly messagesPerSecond: number;
  readonly answerMs: readonly number[];
  /** From handing over a message until its vector is committed; of scenarios with one message at a time. */
  readonly reachableMs: readonly number[];
  /** Requests that had to be repeated. */
  readonly repeats: number;
  readonly cpuSeconds: ByPart;
  readonly writingTransactions: number;
  readonly walBytes: number;
  readonly modelRequests: number;
  readonly messages: number;
}

/** Nobody is that slow. */
const LONGEST_MS = 300_000;

/** What is left to be done when the last message is reachable, such as closing workflows and jobs, is counted too. */
const BOOKKEEPING_MS = 1_000;

/**
 * Runs a scenario and counts what it cost.
 *
 * @throws Error when afterwards the rows are not exactly those that were promised: the figures then say nothing.
 */
export async function measure(scenario: Scenario, subject: Subject, run: string): Promise<Measurement> {
  const { running, promised, database } = subject;
  const messages = chatMessages(run, scenario.messages, scenario.conversations);
  const client = new ChannelClient(running.url, running.apiKey, scenario.concurrency);
  const reachableMs: number[] = [];
  const before = await counters(subject);
  const started = performance.now();
  let lastReachable = started;
  const { answerMs, repeats } = await sendAll(client, messages, scenario.concurrency, async (message) => {
    promised.note(message);
    if (scenario.concurrency > 1) return;
    await untilReachable(database.pool, [promised.recordOf(message)], LONGEST_MS);
    const now = performance.now();
    reachableMs.push(now - lastReachable);
    lastReachable = now;
  });
  const records = messages.map((message) => promised.recordOf(message));
  await untilReachable(database.pool, records, LONGEST_MS);
  const seconds = (performance.now() - started) / 1000;
  await delay(BOOKKEEPING_MS);
  const after = await counters(subject);
  client.close();
  await check(subject);
  return {
    messagesPerSecond: messages.length / seconds,
    answerMs,
    reachableMs,
    repeats,
    cpuSeconds: byPart((part) => after.cpuSeconds[part] - before.cpuSeconds[part]),
    writingTransactions: after.writingTransactions - before.writingTransactions,
    walBytes: after.walBytes - before.walBytes,
    modelRequests: after.modelRequests - before.modelRequests,
    messages: messages.length,
  };
}

async function check({ database, promised }: Subject): Promise<void> {
  const found = audit(promised.records, await storedRows(database.pool));
  if (isClean(found)) return;
  const { lost, doubled, unasked } = found;
  throw new Error(`${lost.length} lost, ${doubled.length} doubled, ${unasked.length} that nobody sent`);
}

interface Counters extends PostgresCounters {
  readonly cpuSeconds: ByPart;
  readonly modelRequests: number;
}

async function counters({ running, database, world }: Subject): Promise<Counters> {
  const { embeddings } = await world.models.stats();
  const postgres = await postgresCounters(database.pool);
  return { ...postgres, modelRequests: embeddings.requests, cpuSeconds: await cpuOfParts(running) };
}
