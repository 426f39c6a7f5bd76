/** What a window of an hour counts. Sums of words and confidence are over what is served of its records. */
export const ROLLUP_COUNTS = [
  'records',
  'reachable',
  'quarantined',
  'failed',
  'waiting',
  'late',
  'durationMs',
  'artifacts',
  'words',
  'confidence',
] as const;
export type RollupCounts = Readonly<Record<(typeof ROLLUP_COUNTS)[number], number>>;

export const NO_COUNTS = Object.fromEntries(ROLLUP_COUNTS.map((name) => [name, 0])) as RollupCounts;

/** A window as it is kept. */
export interface RollupWindow {
  readonly hour: Date;
  readonly counts: RollupCounts;
  /** Of the corrections that were made after it could be opened no more. */
  readonly corrected: RollupCounts;
  readonly computedAt: Date | null;
  readonly closedAt: Date | null;
  /** Its records were there before anything was ever counted: it is new, however old. */
  readonly initial: boolean;
}

export interface RollupRules {
  /** How long after its end a window stays open. */
  readonly delayMs: number;
  /** How long after its closing what comes late opens it again. */
  readonly reopenMaxMs: number;
}

/** What to do with a window whose hour was counted anew. `settled`: nothing more is awaited for it. */
export type RollupVerdict =
  | { readonly kind: 'revise'; readonly counts: RollupCounts; readonly closed: boolean; readonly settled: boolean }
  | { readonly kind: 'correct'; readonly delta: RollupCounts }
  | { readonly kind: 'keep'; readonly closed: boolean; readonly settled: boolean };

const HOUR_MS = 3_600_000;

/**
 * A window is open until its end and the delay after it; then it is closed, and opened again for what comes late until
 * the cutoff. Past the cutoff it stays as it is, and what it lacks becomes a correction, once its records are settled.
 * Counts are of the whole hour each time, never added up, so that no event can be counted twice.
 */
export function judgeWindow(window: RollupWindow, counted: RollupCounts, rules: RollupRules, now: Date): RollupVerdict {
  const closesAt = window.hour.getTime() + HOUR_MS + rules.delayMs;
  const closed = now.getTime() >= closesAt;
  const settled = counted.waiting === 0;
  const tooOld = now.getTime() >= closesAt + rules.reopenMaxMs;
  const final = window.closedAt !== null || (window.computedAt === null && !window.initial);
  if (tooOld && final) {
    const delta = difference(counted, sum(window.counts, window.corrected));
    if (!settled || isZero(delta)) return { kind: 'keep', closed: true, settled };
    return { kind: 'correct', delta };
  }
  if (window.computedAt !== null && isZero(difference(counted, window.counts))) {
    return { kind: 'keep', closed, settled };
  }
  return { kind: 'revise', counts: counted, closed, settled };
}

export function sum(one: RollupCounts, other: RollupCounts): RollupCounts {
  return combine((name) => one[name] + other[name]);
}

function difference(one: RollupCounts, other: RollupCounts): RollupCounts {
  return combine((name) => one[name] - other[name]);
}

/** Confidence is a sum of fractions: the same rows may add up differently in their last digits. */
function combine(value: (name: keyof RollupCounts) => number): RollupCounts {
  return Object.fromEntries(ROLLUP_COUNTS.map((name) => [name, Math.round(value(name) * 1e6) / 1e6])) as RollupCounts;
}

function isZero(counts: RollupCounts): boolean {
  return ROLLUP_COUNTS.every((name) => counts[name] === 0);
}
