import { setTimeout as delay } from 'node:timers/promises';
import { audit, storedRows } from './audit.ts';
import { ChannelClient } from './client.ts';
import type { Subject } from './measure.ts';
import { chatMessages } from './messages.ts';
import { untilReachable } from './reachable.ts';
import { KILL } from './scenarios.ts';
import { sendAll } from './sending.ts';

export interface KillOutcome {
  /** Messages that were acknowledged when the process was killed. */
  readonly acknowledgedBefore: number;
  readonly acknowledged: number;
  readonly lost: number;
  readonly doubled: number;
  readonly unasked: number;
  /** From the kill until the process that was started at once took requests. */
  readonly readyAfterMs: number;
  /** From then until what had been acknowledged before the kill was reachable; null when it was not in the time given. */
  readonly recoveredAfterMs: number | null;
}

/** What would be done twice shows after this. */
const SETTLE_MS = 3_000;

/**
 * Kills the process of API and workers once in the middle of a burst, when so many messages are acknowledged, starts it
 * again at once, and holds the rows against what the client was acknowledged. The client repeats what it got no answer
 * to, as a channel does.
 */
export async function killInMidRun(
  subject: Subject,
  { run, killAfter, drainMs }: { readonly run: string; readonly killAfter: number; readonly drainMs: number },
): Promise<KillOutcome> {
  const { running, promised, database } = subject;
  const messages = chatMessages(run, KILL.messages, KILL.conversations);
  const client = new ChannelClient(running.url, running.apiKey, KILL.concurrency);
  const acknowledged: string[] = [];
  let crash: Promise<Crash> | undefined;
  await sendAll(client, messages, KILL.concurrency, (message) => {
    promised.note(message);
    acknowledged.push(promised.recordOf(message));
    if (acknowledged.length === killAfter) crash = killAndRestart(subject, acknowledged, drainMs);
  });
  const { acknowledgedBefore, readyAfterMs, recoveredAfterMs } = await crash!;
  await untilReachable(database.pool, acknowledged, drainMs);
  await delay(SETTLE_MS);
  client.close();
  const { lost, doubled, unasked } = audit(promised.records, await storedRows(database.pool));
  return {
    acknowledgedBefore,
    acknowledged: acknowledged.length,
    lost: lost.length,
    doubled: doubled.length,
    unasked: unasked.length,
    readyAfterMs,
    recoveredAfterMs,
  };
}

type Crash = Pick<KillOutcome, 'acknowledgedBefore' | 'readyAfterMs' | 'recoveredAfterMs'>;

async function killAndRestart(
  { running, database }: Subject,
  acknowledged: readonly string[],
  drainMs: number,
): Promise<Crash> {
  const at = performance.now();
  await running.kill();
  const before = [...acknowledged];
  await running.restart();
  const readyAt = performance.now();
  const stuck = await untilReachable(database.pool, before, drainMs);
  return {
    acknowledgedBefore: before.length,
    readyAfterMs: readyAt - at,
    recoveredAfterMs: stuck.length > 0 ? null : performance.now() - readyAt,
  };
}
