import { randomOf, type Random } from '../random.ts';
import { curveOf, shareBefore, timeAtShare, type Curve } from './curve.ts';
import { deliver, type Disorder } from './delivery.ts';
import { DAY_MS, type Conversations, type Kind, type Lengths, type Profile } from './profile.ts';
import { zipf } from './zipf.ts';

export interface ScheduleOptions extends Disorder {
  readonly profile: Profile;
  /** The same options with the same seed give the same schedule. */
  readonly seed: number;
  /** Seconds of the profile's day that pass in one second. Lengths of calls stay as they are. */
  readonly speed: number;
  /** Share of the profile's counts. */
  readonly scale: number;
  /** The part of the day. */
  readonly fromMs: number;
  readonly toMs: number;
}

interface Arrival {
  /** Of its own, and the same in every run of a seed. */
  readonly name: string;
  /** Place of its customer: 0 has most. */
  readonly customer: number;
  /** When it is sent and when it was captured, in milliseconds of the run. */
  readonly dueMs: number;
  readonly capturedMs: number;
  /** What of its delivery is out of the ordinary. */
  readonly delivery: 'usual' | 'late' | 'out_of_order' | 'copy';
}

export interface MessageArrival extends Arrival {
  readonly kind: 'message';
  readonly conversation: string;
  readonly sequence: number;
}

export interface CallArrival extends Arrival {
  readonly kind: 'call';
  readonly lengthMs: number;
}

export interface ScreenshotArrival extends Arrival {
  readonly kind: 'screenshot';
}

export type ScheduledArrival = MessageArrival | CallArrival | ScreenshotArrival;

/** All that is sent in a run, in the order in which it is sent. */
export function scheduleOf(options: ScheduleOptions): ScheduledArrival[] {
  const curve = curveOf(options.profile);
  const arrivals = [...messages(options, curve), ...calls(options, curve), ...screenshots(options, curve)];
  return deliver(arrivals, options, randomOf(`${options.seed} delivery`));
}

/** How many of a kind the window has. */
export function countOf({ profile, scale, fromMs, toMs }: ScheduleOptions, kind: Kind): number {
  const curve = curveOf(profile);
  return Math.round(profile.perDay[kind] * scale * (shareBefore(curve, toMs) - shareBefore(curve, fromMs)));
}

/** Mean arrival rate of a run, as a multiple of what the profile's average day has in real time. */
export function timesAverage({ profile, speed, scale, fromMs, toMs }: ScheduleOptions): number {
  const curve = curveOf(profile);
  const share = shareBefore(curve, toMs) - shareBefore(curve, fromMs);
  return (share / ((toMs - fromMs) / DAY_MS)) * speed * scale;
}

/** The scale at which a run has a multiple of the average day's arrival rate. */
export function scaleFor(times: number, options: Omit<ScheduleOptions, 'scale'>): number {
  return times / timesAverage({ ...options, scale: 1 });
}

/** Conversations begin as the curve has it; their messages follow in bursts, the last of them maybe after the window. */
function messages(options: ScheduleOptions, curve: Curve): MessageArrival[] {
  const random = randomOf(`${options.seed} messages`);
  const { conversation: shape, customers } = options.profile;
  const customer = zipf(customers.count, customers.skew, random);
  const times = arrivalTimes(options, curve, random);
  const made: MessageArrival[] = [];
  for (let number = 0, left = countOf(options, 'message'); left > 0; number++) {
    const length = Math.min(left, geometric(shape.messages, random));
    const owner = customer();
    let at = times();
    for (let sequence = 1; sequence <= length; sequence++) {
      const dueMs = at / options.speed;
      const conversation = `chat-${number}`;
      const name = `${conversation}-${sequence}`;
      const common = { name, customer: owner, dueMs, capturedMs: dueMs, delivery: 'usual' } as const;
      made.push({ kind: 'message', ...common, conversation, sequence });
      at += gap(shape, random);
    }
    left -= length;
  }
  return made;
}

function calls(options: ScheduleOptions, curve: Curve): CallArrival[] {
  const random = randomOf(`${options.seed} calls`);
  return alone(options, curve, random, 'call').map((arrival) => ({
    kind: 'call',
    ...arrival,
    lengthMs: lengthOf(options.profile.call, random),
  }));
}

function screenshots(options: ScheduleOptions, curve: Curve): ScreenshotArrival[] {
  const random = randomOf(`${options.seed} screenshots`);
  return alone(options, curve, random, 'screenshot').map((arrival) => ({ kind: 'screenshot', ...arrival }));
}

/** Arrivals that have nothing to do with each other. */
function alone(options: ScheduleOptions, curve: Curve, random: Random, kind: Kind): Arrival[] {
  const { count, skew } = options.profile.customers;
  const customer = zipf(count, skew, random);
  const times = arrivalTimes(options, curve, random);
  return Array.from({ length: countOf(options, kind) }, (_, number) => {
    const dueMs = times() / options.speed;
    return { name: `${kind}-${number}`, customer: customer(), dueMs, capturedMs: dueMs, delivery: 'usual' };
  });
}

/** Times within the window, in milliseconds of the day from its start, as dense as the curve is steep. */
function arrivalTimes({ fromMs, toMs }: ScheduleOptions, curve: Curve, random: Random): () => number {
  const from = shareBefore(curve, fromMs);
  const share = shareBefore(curve, toMs) - from;
  return () => timeAtShare(curve, from + share * random.next()) - fromMs;
}

function gap({ burst, gapInBurstMs, gapBetweenBurstsMs }: Conversations, random: Random): number {
  const median = random.next() < 1 / burst ? gapBetweenBurstsMs : gapInBurstMs;
  return median * Math.exp(0.6 * random.normal());
}

function geometric(mean: number, random: Random): number {
  return 1 + Math.floor(Math.log(1 - random.next()) / Math.log(1 - 1 / mean));
}

function lengthOf({ meanMs, spread, shortestMs, longestMs }: Lengths, random: Random): number {
  // The mean of a log-normal is exp(mu + sigma² / 2).
  const length = Math.exp(Math.log(meanMs) - spread ** 2 / 2 + spread * random.normal());
  return Math.round(Math.min(Math.max(length, shortestMs), longestMs));
}
