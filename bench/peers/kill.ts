import { setTimeout as delay } from 'node:timers/promises';
import { audit, storedRows } from './audit.ts';
import { ChannelClient } from './client.ts';
import type { Subject } from './measure.ts';
import { chatMessages } from './messages.ts';
import { untilReachable } from './reachable.ts';
import { KILL } from './scenarios.ts';
import { sendAll } from './sending.ts';

export interface KillOutcome {
  /** Acknowledged when the process was killed. */
  readonly acknowledgedBefore: number;
  readonly acknowledged: number;
  readonly lost: number;
  readonly doubled: number;
  readonly unasked: number;
  /** From the kill until the restarted process took requests. */
  readonly readyAfterMs: number;
  /** From then until every acknowledged message was reachable; null when some were not in the time given. */
  readonly drainedAfterMs: number | null;
}

/** Acknowledgements after which the process is killed: some messages are then done, some under way, some not sent. */
const KILL_AFTER = 400;

/** What would be done twice shows after this. */
const SETTLE_MS = 3_000;

/**
 * Kills the process of API and workers once in the middle of a burst, starts it again at once, and holds the rows
 * against what the client was acknowledged. The client repeats what it got no answer to, as a channel does.
 */
export async function killInMidRun(subject: Subject, run: string, drainMs: number): Promise<KillOutcome> {
  const { running, promised, database } = subject;
  const messages = chatMessages(run, KILL.messages, KILL.conversations);
  const client = new ChannelClient(running.url, running.apiKey, KILL.concurrency);
  let acknowledged = 0;
  let crash: Promise<{ at: number; readyAt: number; acknowledgedBefore: number }> | undefined;
  await sendAll(client, messages, KILL.concurrency, (message) => {
    promised.note(message);
    acknowledged += 1;
    if (acknowledged === KILL_AFTER) crash = killAndRestart(subject, () => acknowledged);
  });
  const { at, readyAt, acknowledgedBefore } = await crash!;
  const records = messages.map((message) => promised.recordOf(message));
  const stuck = await untilReachable(database.pool, records, drainMs);
  const drainedAt = performance.now();
  await delay(SETTLE_MS);
  client.close();
  const found = audit(promised.records, await storedRows(database.pool));
  return {
    acknowledgedBefore,
    acknowledged,
    lost: found.lost.length,
    doubled: found.doubled.length,
    unasked: found.unasked.length,
    readyAfterMs: readyAt - at,
    drainedAfterMs: stuck.length > 0 ? null : drainedAt - readyAt,
  };
}

async function killAndRestart({ running }: Subject, acknowledged: () => number) {
  const at = performance.now();
  await running.kill();
  const acknowledgedBefore = acknowledged();
  await running.restart();
  return { at, readyAt: performance.now(), acknowledgedBefore };
}
