import type { Random } from '../random.ts';
import type { MessageArrival, ScheduledArrival } from './schedule.ts';

/** Shares of arrivals, 0 to 1, that channels deliver otherwise than one would like. */
export interface Disorder {
  /** Held by a device without a network for a quarter of an hour or more, in real time. */
  readonly late: number;
  /** Sent a second time, byte for byte, at once or some seconds later. */
  readonly duplicates: number;
  /** Messages that come after the one that followed them. */
  readonly outOfOrder: number;
}

/** Above the dial `late.after_ms`, from which on a record counts as late. */
const LATE_FROM_MS = 16 * 60_000;
const LATE_SPREAD_MS = 2 * 60 * 60_000;
const LONGEST_UNTIL_COPY_MS = 10_000;

/** Puts arrivals into the order of their delivery, with the disorder asked for. The counts are those shares, rounded. */
export function deliver(
  arrivals: readonly ScheduledArrival[],
  { late, duplicates, outOfOrder }: Disorder,
  random: Random,
): ScheduledArrival[] {
  const followers = followersOf(arrivals);
  const all = arrivals.map((arrival) => arrival);
  const usual = shuffled(
    arrivals.map((_, index) => index),
    random,
  );
  const lates = usual.splice(0, Math.round(late * arrivals.length));
  for (const index of lates) {
    const arrival = all[index]!;
    const heldMs = LATE_FROM_MS + random.next() ** 2 * LATE_SPREAD_MS;
    all[index] = { ...arrival, capturedMs: arrival.capturedMs - heldMs, delivery: 'late' };
  }
  let overtaken = Math.round(outOfOrder * arrivals.length);
  for (const index of usual) {
    if (overtaken === 0) break;
    const arrival = all[index]!;
    const next = followers.get(arrival.name);
    if (next === undefined) continue;
    all[index] = { ...arrival, dueMs: next.dueMs + 1, delivery: 'out_of_order' };
    overtaken -= 1;
  }
  const copied = shuffled(all, random).slice(0, Math.round(duplicates * arrivals.length));
  const copies = copied.map((arrival): ScheduledArrival => {
    return { ...arrival, dueMs: arrival.dueMs + random.next() ** 2 * LONGEST_UNTIL_COPY_MS, delivery: 'copy' };
  });
  return [...all, ...copies].sort((one, other) => one.dueMs - other.dueMs);
}

/** The message after each, in its conversation. */
function followersOf(arrivals: readonly ScheduledArrival[]): ReadonlyMap<string, MessageArrival> {
  const followers = new Map<string, MessageArrival>();
  let previous: ScheduledArrival | undefined;
  for (const arrival of arrivals) {
    if (arrival.kind === 'message' && previous?.kind === 'message' && previous.conversation === arrival.conversation) {
      followers.set(previous.name, arrival);
    }
    previous = arrival;
  }
  return followers;
}

/** Fisher and Yates. */
function shuffled<T>(values: readonly T[], random: Random): T[] {
  const result = [...values];
  for (let index = result.length - 1; index > 0; index--) {
    const other = random.below(index + 1);
    [result[index], result[other]] = [result[other]!, result[index]!];
  }
  return result;
}
