/** A day of a support organisation, as counts per day and the shape of their arrival. */
export interface Profile {
  readonly name: string;
  readonly perDay: Readonly<Record<Kind, number>>;
  readonly call: Lengths;
  readonly conversation: Conversations;
  readonly customers: {
    readonly count: number;
    /** Exponent of Zipf's law: how much more the first customers have than the rest; 0 has all alike. */
    readonly skew: number;
  };
  /** Relative arrival in each hour of the day, the surge's hours aside. */
  readonly hours: readonly number[];
  readonly surge: {
    readonly fromMs: number;
    readonly toMs: number;
    /** Of the day's arrivals. */
    readonly share: number;
  };
}

export const KINDS = ['message', 'call', 'screenshot'] as const;
export type Kind = (typeof KINDS)[number];

/** Log-normal lengths. */
export interface Lengths {
  readonly meanMs: number;
  /** Standard deviation of the logarithm. */
  readonly spread: number;
  readonly shortestMs: number;
  readonly longestMs: number;
}

export interface Conversations {
  /** Mean; the lengths are geometric. */
  readonly messages: number;
  /** Mean number of messages that follow each other at once, also geometric. */
  readonly burst: number;
  /** Medians of log-normal gaps. */
  readonly gapInBurstMs: number;
  readonly gapBetweenBurstsMs: number;
}

const SECOND_MS = 1_000;
const MINUTE_MS = 60 * SECOND_MS;
export const HOUR_MS = 60 * MINUTE_MS;
export const DAY_MS = 24 * HOUR_MS;

/**
 * The day for which Earshot was designed: 12,000 calls of six minutes, 80,000 chat messages, 9,000 screenshots, and on
 * Mondays what the weekend left: 28 % of the day between 09:00 and 11:00, 3.4 times the average.
 */
const MONDAY: Profile = {
  name: 'monday',
  perDay: { message: 80_000, call: 12_000, screenshot: 9_000 },
  call: { meanMs: 6 * MINUTE_MS, spread: 0.7, shortestMs: 10 * SECOND_MS, longestMs: 45 * MINUTE_MS },
  conversation: { messages: 12, burst: 3, gapInBurstMs: 4 * SECOND_MS, gapBetweenBurstsMs: 45 * SECOND_MS },
  customers: { count: 20_000, skew: 0.8 },
  hours: [2, 1, 1, 1, 1, 2, 5, 12, 30, 0, 0, 48, 42, 44, 46, 44, 40, 34, 26, 20, 16, 12, 8, 4],
  surge: { fromMs: 9 * HOUR_MS, toMs: 11 * HOUR_MS, share: 0.28 },
};

/** The same day without its surge: the two hours are like those around them. */
const AVERAGE: Profile = {
  ...MONDAY,
  name: 'average',
  hours: Array.from({ length: 24 }, () => 1),
  surge: { ...MONDAY.surge, share: 2 / 24 },
};

export const PROFILES: ReadonlyMap<string, Profile> = new Map([MONDAY, AVERAGE].map((each) => [each.name, each]));
