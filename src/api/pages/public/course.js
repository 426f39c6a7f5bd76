/** @import { BacklogPoint, Modality, Past } from '../contract.ts' */

/**
 * A stretch of time of one modality. Null where nothing is known.
 *
 * @typedef {object} Point
 * @property {number} at its beginning, in milliseconds since the epoch
 * @property {number | null} p50 from capture to reachable, in milliseconds
 * @property {number | null} p95
 * @property {number | null} p99
 * @property {number | null} waiting
 * @property {number | null} arrived per second
 * @property {number | null} completed per second
 * @property {number | null} aheadMs how long what waits takes at the pace of then, or how old it is
 */

/**
 * From when to when more arrived than was completed.
 *
 * @typedef {{ from: number, until: number, open: boolean }} Parting
 */

/** Shorter ones are chance. */
const PARTED_AT_LEAST_POINTS = 3;

/** Points that a rate is the mean of. */
const SMOOTH_POINTS = 3;

/** Which share of its budget what waits takes when arrivals and pace are said to part; the load report's too. */
const PARTED_AT_BUDGET_SHARE = 0.5;

/**
 * The points of one modality, oldest first.
 *
 * @param {Past} past
 * @param {Modality} modality
 * @returns {Point[]}
 */
export function courseOf({ lag, backlog }, modality) {
  const lags = new Map(
    lag.modalities.filter((each) => each.modality === modality).map((each) => [Date.parse(each.at), each.total]),
  );
  const samples = new Map(
    backlog.history.modalities.filter((each) => each.modality === modality).map((each) => [Date.parse(each.at), each]),
  );
  const moments = [...new Set([...lags.keys(), ...samples.keys()])].sort((one, other) => one - other);
  return moments.map((at) => {
    const sample = samples.get(at);
    const { p50 = null, p95 = null, p99 = null } = lags.get(at) ?? {};
    return {
      at,
      p50,
      p95,
      p99,
      waiting: sample?.waiting ?? null,
      arrived: sample?.arrivedPerSecond ?? null,
      completed: sample?.completedPerSecond ?? null,
      aheadMs: sample === undefined ? null : ahead(sample),
    };
  });
}

/** @param {BacklogPoint} sample */
function ahead({ expectedLagMs, oldestMs }) {
  return expectedLagMs === null && oldestMs === null ? null : Math.max(expectedLagMs ?? 0, oldestMs ?? 0);
}

/**
 * Where arrivals and pace part: more came than was completed, point after point, until what waited would take half its
 * budget or more. Lag follows from there. A parting begins where the least waited.
 *
 * @param {readonly Point[]} points
 * @param {number} budgetMs
 * @param {number} stretchMs
 * @returns {Parting[]}
 */
export function partingsOf(points, budgetMs, stretchMs) {
  const sampled = points.filter(({ arrived, completed }) => arrived !== null && completed !== null);
  const arrived = smooth(sampled.map((point) => point.arrived ?? 0));
  const completed = smooth(sampled.map((point) => point.completed ?? 0));
  /** @type {Parting[]} */
  const partings = [];
  let first = -1;
  for (let at = 0; at <= sampled.length; at++) {
    if (at < sampled.length && (arrived[at] ?? 0) > (completed[at] ?? 0)) {
      if (first < 0) first = at;
      continue;
    }
    const run = first < 0 ? [] : fromLeast(sampled.slice(first, at));
    if (counts(run, budgetMs)) partings.push(partingOf(run, stretchMs, at === sampled.length));
    first = -1;
  }
  return partings;
}

/** @param {Point[]} run */
function fromLeast(run) {
  const least = Math.min(...run.map(({ waiting }) => waiting ?? 0));
  return run.slice(
    Math.max(
      0,
      run.findLastIndex(({ waiting }) => (waiting ?? 0) === least),
    ),
  );
}

/**
 * @param {readonly Point[]} run
 * @param {number} budgetMs
 */
function counts(run, budgetMs) {
  const grew = (run.at(-1)?.waiting ?? 0) > (run[0]?.waiting ?? 0);
  const most = Math.max(0, ...run.map(({ aheadMs }) => aheadMs ?? 0));
  return run.length >= PARTED_AT_LEAST_POINTS && grew && most >= PARTED_AT_BUDGET_SHARE * budgetMs;
}

/**
 * @param {readonly Point[]} run not empty
 * @param {number} stretchMs
 * @param {boolean} open
 * @returns {Parting}
 */
function partingOf(run, stretchMs, open) {
  return { from: run[0]?.at ?? 0, until: (run.at(-1)?.at ?? 0) + stretchMs, open };
}

/** @param {readonly number[]} values */
function smooth(values) {
  return values.map((_, at) => {
    const recent = values.slice(Math.max(0, at - SMOOTH_POINTS + 1), at + 1);
    return recent.reduce((sum, value) => sum + value, 0) / recent.length;
  });
}
