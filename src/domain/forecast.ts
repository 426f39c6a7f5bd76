import { agesOf } from './backlog-age.ts';
import { growthOf, medianOf, risesSurely, valueNow, type Point } from './trend.ts';

/** What waited at a moment, and what came and went since the moment before. */
export interface BacklogPoint {
  /** Milliseconds since the epoch. */
  readonly at: number;
  /** Records that were not reachable yet, less those that came late or are stuck. */
  readonly waiting: number;
  /** Records that were accepted, and records that left the backlog, within `sinceMs`; null where that is not known. */
  readonly arrived: number | null;
  readonly completed: number | null;
  readonly sinceMs: number | null;
}

/** What is known of those that wait now. */
export interface Waiting {
  /** Of the oldest that is not stuck; null when nothing waits. */
  readonly oldestMs: number | null;
  /** How many are older than their budget and not stuck. */
  readonly overdue: number;
}

export interface ForecastRules {
  readonly budgetMs: number;
  /** What trends and rates are seen over, in budgets. */
  readonly windowBudgets: number;
  /** Points, at least, that a window has. */
  readonly minPoints: number;
  /** Fewer records than this that wait are no backlog. */
  readonly minWaiting: number;
  /** What waits must have built up for this share of a budget before a breach of it is foretold … */
  readonly leastAgeShare: number;
  /** … and for this one before anybody is refused. */
  readonly refusingAgeShare: number;
  /** Fewer than this that wait, or are late, refuse nobody … */
  readonly minRefusing: number;
  /** … and fewer than this share of what is completed within a budget. */
  readonly refusingShare: number;
  /** How sure a rise must be: z of the Mann-Kendall test. */
  readonly surenessZ: number;
  /** What is farther away is not foretold. */
  readonly horizonMinutes: number;
}

export interface Forecast {
  readonly arrivedPerSecond: number | null;
  readonly completedPerSecond: number | null;
  /** Records per second; below 0 the backlog shrinks, 0 when there is no trend. */
  readonly growthPerSecond: number;
  /** How long a record that arrives now will take; null where nothing was completed, so that nothing is known. */
  readonly expectedLagMs: number | null;
  /** Until a record that arrives then would take longer than its budget: 0 when it does now, null when none will. */
  readonly minutesToBreach: number | null;
  /** The same of a breach that is large enough to refuse anybody: a few slow records are late, and no overload. */
  readonly refusingMinutes: number | null;
  /** The expected lag in budgets; 0 where too little waits to refuse anybody. */
  readonly lagBudgets: number;
  /** How long what waits has been building up, in budgets; 0 where too little waits to be a backlog. */
  readonly ageBudgets: number;
  /** The same; 0 where too little waits to refuse anybody. */
  readonly refusingAgeBudgets: number;
  /** Whether what waited would have taken longer than its budget, look after look: a burst, not chance. */
  readonly beyondBudget: boolean;
}

/** On a machine that is too busy to look as often as it should, windows grow up to so many times. */
const LONGEST_WINDOW_TIMES = 3;

/** What waits is as old as it was at least for so many intervals, and at so many looks where these are farther apart. */
const LASTING = { intervals: 3, looks: 2 };

/** What waits is beyond its budget when it has been so at so many looks … */
const BEYOND = { looks: 3, budgets: 1 };

/** … or at so many, where it would take so many budgets. */
const FAR_BEYOND = { looks: 2, budgets: 2 };

/** How far back points are of use, in milliseconds, if they come at their interval. */
export function windowOf(rules: ForecastRules, intervalMs: number): number {
  return Math.max(rules.budgetMs * rules.windowBudgets, rules.minPoints * intervalMs);
}

/** How far back points may be of use. */
export function longestWindowOf(rules: ForecastRules, intervalMs: number): number {
  return windowOf(rules, intervalMs) * LONGEST_WINDOW_TIMES;
}

/** The points of a window that ends with the last; the last few where these are fewer than a forecast needs. */
export function inWindow(
  points: readonly BacklogPoint[],
  rules: ForecastRules,
  intervalMs: number,
): readonly BacklogPoint[] {
  const from = (points.at(-1)?.at ?? 0) - windowOf(rules, intervalMs);
  const first = points.findIndex(({ at }) => at >= from);
  return points.slice(Math.max(0, Math.min(first, points.length - rules.minPoints)));
}

/**
 * Foretells from the backlog, which grows before anything is late, when records will be later than their budget.
 *
 * A record that arrives now waits for those ahead of it: by Little's law (J. D. C. Little, "A Proof for the Queuing
 * Formula L = λW", Operations Research 9, 1961) its lag is the backlog over the rate of completion. A growing backlog of
 * w, growing by g and completed by μ a second, is at a budget b when w + g·t = μ·b. g is a robust slope, without which
 * nothing is foretold: see src/domain/trend.ts. Where nothing is completed at all, the oldest record tells how long it
 * takes at least.
 *
 * That alone cries wolf: where nothing queues, what is under way grows with arrivals, and completions follow later. So
 * what waits must have built up for a share of the budget, and its age (src/domain/backlog-age.ts) must grow with it. Where
 * what waits is beyond the budget look after look, its age now is enough, unless anybody is refused for it.
 *
 * @param points oldest first, the last is now; those before the window tell how old backlogs within it were.
 * @param intervalMs at which points come.
 */
export function forecast(
  points: readonly BacklogPoint[],
  now: Waiting,
  rules: ForecastRules,
  intervalMs: number,
): Forecast {
  const window = inWindow(points, rules, intervalMs);
  const series = window.map(({ at, waiting }) => ({ at: at / 1_000, value: waiting }));
  const growth = window.length < rules.minPoints ? 0 : growthOf(series);
  const level = window.length === 0 ? 0 : growth === 0 ? medianOf(recent(series)) : valueNow(recent(series));
  const completed = completionRate(window);
  const expectedLagMs = level === 0 ? 0 : completed === null || completed === 0 ? null : (level / completed) * 1_000;
  const ages = agesOf(points).slice(-window.length);
  const surely = growth > 0 && risesSurely(series, rules.surenessZ) && ageRises(window, ages, rules) ? growth : 0;
  const ageNow = ages.at(-1) ?? null;
  const ageMs = (ageNow === null ? now.oldestMs : lastingAge(window, ages, intervalMs)) ?? 0;
  const seen: Seen = { level, completed, expectedLagMs, growth: surely, ageMs };
  const beyondBudget = level >= rules.minWaiting && isBeyond(window, completed, rules);
  const unrefusing = beyondBudget ? { ...seen, ageMs: ageNow ?? ageMs } : seen;
  const perBudget = ((completed ?? 0) * rules.budgetMs) / 1_000;
  const many = Math.max(rules.minWaiting, rules.minRefusing, rules.refusingShare * perBudget);
  return {
    arrivedPerSecond: rateOf(window, ({ arrived }) => arrived),
    completedPerSecond: completed,
    growthPerSecond: growth,
    expectedLagMs,
    minutesToBreach: minutesToBreach(unrefusing, now, rules, { many: rules.minWaiting, ageShare: rules.leastAgeShare }),
    refusingMinutes: minutesToBreach(seen, now, rules, { many, ageShare: rules.refusingAgeShare }),
    lagBudgets: level < many ? 0 : (expectedLagMs ?? 0) / rules.budgetMs,
    ageBudgets: level < rules.minWaiting ? 0 : ageMs / rules.budgetMs,
    refusingAgeBudgets: level < many ? 0 : ageMs / rules.budgetMs,
    beyondBudget,
  };
}

interface Seen {
  readonly level: number;
  readonly completed: number | null;
  readonly expectedLagMs: number | null;
  /** Above 0 where it surely grows. */
  readonly growth: number;
  /** For how long what waits has been building up. */
  readonly ageMs: number;
}

/** What the age has been at least lately: one look may be chance. */
function lastingAge(window: readonly BacklogPoint[], ages: readonly (number | null)[], intervalMs: number): number {
  const from = (window.at(-1)?.at ?? 0) - LASTING.intervals * intervalMs;
  const lately = ages.filter((_age, index) => window[index]!.at > from || index >= ages.length - LASTING.looks);
  return Math.min(...lately.filter((age) => age !== null));
}

/** Whether what waited would have taken longer than its budget at each of the last looks, at the rate of completion of now. */
function isBeyond(window: readonly BacklogPoint[], completed: number | null, { budgetMs }: ForecastRules): boolean {
  if (completed === null || completed === 0) return false;
  const lasts = ({ looks, budgets }: typeof BEYOND) =>
    window.length >= looks &&
    window.slice(-looks).every(({ waiting }) => (waiting / completed) * 1_000 >= budgets * budgetMs);
  return lasts(BEYOND) || lasts(FAR_BEYOND);
}

/** Whether backlogs were older and older; those whose age is not known say nothing against it. */
function ageRises(window: readonly BacklogPoint[], ages: readonly (number | null)[], rules: ForecastRules): boolean {
  const known = window.flatMap(({ at }, index): Point[] => {
    const age = ages[index] ?? null;
    return age === null ? [] : [{ at: at / 1_000, value: age }];
  });
  return known.length < rules.minPoints || risesSurely(known, rules.surenessZ);
}

/** @param least fewer records than `many`, and younger ones than `ageShare` of a budget, are no backlog. */
function minutesToBreach(
  seen: Seen,
  { oldestMs, overdue }: Waiting,
  { budgetMs, horizonMinutes }: ForecastRules,
  least: { readonly many: number; readonly ageShare: number },
): number | null {
  if (overdue >= least.many) return 0;
  if (seen.level < least.many || seen.ageMs < least.ageShare * budgetMs) return null;
  if (seen.expectedLagMs !== null && seen.expectedLagMs >= budgetMs) return 0;
  if (seen.growth === 0) return null;
  if (seen.completed === null || seen.completed === 0) return Math.max(0, budgetMs - (oldestMs ?? 0)) / 60_000;
  const room = (seen.completed * budgetMs) / 1_000 - seen.level;
  const minutes = room / seen.growth / 60;
  return minutes <= horizonMinutes ? minutes : null;
}

/** The second half of a window: what counts as now. */
function recent<T>(points: readonly T[]): readonly T[] {
  return points.slice(Math.floor(points.length / 2));
}

function rateOf(points: readonly BacklogPoint[], count: (point: BacklogPoint) => number | null): number | null {
  let [sum, seconds] = [0, 0];
  for (const point of points) {
    const counted = count(point);
    if (counted === null || point.sinceMs === null) continue;
    sum += counted;
    seconds += point.sinceMs / 1_000;
  }
  return seconds === 0 ? null : sum / seconds;
}

/**
 * Records completed per second, each stretch of time weighed by what waited when it began: a queue that is nearly empty
 * completes only what arrives, and says nothing of what could be done.
 */
function completionRate(points: readonly BacklogPoint[]): number | null {
  let [sum, seconds] = [0, 0];
  points.forEach((point, index) => {
    const waited = points[index - 1]?.waiting ?? 0;
    if (point.completed === null || point.sinceMs === null) return;
    sum += point.completed * waited;
    seconds += (point.sinceMs / 1_000) * waited;
  });
  return seconds === 0 ? rateOf(points, ({ completed }) => completed) : sum / seconds;
}

/** In how many seconds a backlog that shrinks is gone; null when it does not shrink. */
export function drainSeconds(waiting: number, growthPerSecond: number): number | null {
  if (waiting === 0) return 0;
  return growthPerSecond < 0 ? waiting / -growthPerSecond : null;
}

/** How many times what is done now would have to be done for all that arrives; null where nothing is known. */
export function capacityNeeded(arrivedPerSecond: number | null, completedPerSecond: number | null): number | null {
  if (arrivedPerSecond === null || completedPerSecond === null || completedPerSecond === 0) return null;
  return arrivedPerSecond / completedPerSecond;
}
