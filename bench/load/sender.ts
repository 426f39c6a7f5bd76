import { setTimeout as delay } from 'node:timers/promises';
import type { Channel, ChannelAnswer } from './channel.ts';
import { KINDS, type Kind } from './profile.ts';
import type { ChannelRequest } from './requests.ts';
import type { ScheduledArrival } from './schedule.ts';
import type { Witness } from './witness.ts';

/** What became of the requests so far. Every arrival, and every copy of one, is in the end one of the last three. */
export interface Sent {
  /** Arrivals whose time has come. */
  due: number;
  inFlight: number;
  accepted: number;
  /** Answers of 429 and 503, each followed by another try, by kind and error code: `call overloaded`. */
  readonly refused: Map<string, number>;
  /** Tries without an answer, each followed by another. */
  broken: number;
  /** Arrivals that were answered with an error that no repetition heals, by kind, status and code. */
  readonly rejected: Map<string, number>;
  /** Arrivals that were refused or not answered until the sender gave up. */
  givenUp: number;
}

export interface Delivered {
  readonly name: string;
  readonly kind: Kind;
  readonly copy: boolean;
  readonly interactionId: string;
  /** From when it was due to its 202, waits for sockets and for a second try included. */
  readonly answerMs: number;
}

export interface SenderSettings {
  readonly startedAt: number;
  readonly channels: Readonly<Record<Kind, Channel>>;
  readonly witness: Witness;
  /** How long a sender goes on trying, from when an arrival was due. */
  readonly patienceMs: number;
  /** Ends the sending early; what is under way is still answered. */
  readonly stop: AbortSignal;
  request(arrival: ScheduledArrival): Promise<ChannelRequest>;
}

const BROKEN_WAIT_MS = 1_000;
const UNNAMED_WAIT_MS = 5_000;

export function nothingSent(): Sent {
  return { due: 0, inFlight: 0, accepted: 0, refused: new Map(), broken: 0, rejected: new Map(), givenUp: 0 };
}

/**
 * Sends each arrival when it is due, whether or not earlier ones were answered (an open loop), and sees each through:
 * refusals are repeated after the time asked for, as a channel does.
 *
 * @param sent counts as it goes.
 */
export async function sendAll(
  schedule: readonly ScheduledArrival[],
  settings: SenderSettings,
  sent: Sent,
): Promise<Delivered[]> {
  const underWay: Promise<Delivered | undefined>[] = [];
  for (const arrival of schedule) {
    const wait = settings.startedAt + arrival.dueMs - Date.now();
    if (wait > 0) await pause(wait, settings.stop);
    if (settings.stop.aborted) break;
    sent.due += 1;
    sent.inFlight += 1;
    underWay.push(see(arrival, settings, sent).finally(() => (sent.inFlight -= 1)));
  }
  return (await Promise.all(underWay)).filter((each) => each !== undefined);
}

async function see(arrival: ScheduledArrival, settings: SenderSettings, sent: Sent): Promise<Delivered | undefined> {
  const { startedAt, channels, witness, patienceMs } = settings;
  const dueAt = startedAt + arrival.dueMs;
  const { kind, name } = arrival;
  for (;;) {
    // A body is made anew for each try: thousands that wait would else be held in memory.
    const request = await settings.request(arrival);
    const answer = await channels[kind].post(request).catch(() => undefined);
    if (answer?.status === 202) {
      const interactionId = String(answer.body['interactionId']);
      const now = Date.now();
      witness.note({ interactionId, name, kind, acceptedAt: now });
      sent.accepted += 1;
      return { name, kind, copy: arrival.delivery === 'copy', interactionId, answerMs: now - dueAt };
    }
    const wait = waitOf(kind, answer, sent);
    if (wait === undefined) return undefined;
    if (settings.stop.aborted || Date.now() + wait > dueAt + patienceMs) {
      sent.givenUp += 1;
      return undefined;
    }
    await pause(wait, settings.stop);
  }
}

/** A wait that the end of the sending cuts short. */
async function pause(ms: number, stop: AbortSignal): Promise<void> {
  await delay(ms, undefined, { signal: stop }).catch(() => undefined);
}

/** Counts what was not accepted; undefined when it is of no use to try again. */
function waitOf(kind: Kind, answer: ChannelAnswer | undefined, sent: Sent): number | undefined {
  if (answer === undefined) {
    sent.broken += 1;
    return BROKEN_WAIT_MS;
  }
  const code = codeOf(answer);
  if (answer.status === 429 || answer.status === 503) {
    count(sent.refused, `${kind} ${code}`);
    return answer.retryAfterMs ?? UNNAMED_WAIT_MS;
  }
  count(sent.rejected, `${kind} ${answer.status} ${code}`);
  return undefined;
}

function codeOf({ body }: ChannelAnswer): string {
  return typeof body['type'] === 'string' ? body['type'].replace('urn:earshot:', '') : 'unnamed';
}

function count(counts: Map<string, number>, name: string): void {
  counts.set(name, (counts.get(name) ?? 0) + 1);
}

/** Channels by kind: uploads have sockets of their own, so that a message never waits behind megabytes. */
export function channelsOf(messages: Channel, uploads: Channel): Readonly<Record<Kind, Channel>> {
  return Object.fromEntries(KINDS.map((kind) => [kind, kind === 'message' ? messages : uploads])) as Record<
    Kind,
    Channel
  >;
}
