/** @import { Modality, Past } from '../contract.ts' */
/** @import { Parting, Point } from './course.js' */
import { courseOf, partingsOf } from './course.js';
import { clock, duration, STEP_NAMES } from './wording.js';

/**
 * A chart as numbers: what is drawn where, in pixels.
 *
 * @typedef {object} Panel
 * @property {string} title
 * @property {number} top
 * @property {number} bottom
 * @property {{ y: number, text: string }[]} ticks
 * @property {{ name: string, d: string }[]} lines
 * @property {{ y: number, text: string } | undefined} limit
 */
/**
 * @typedef {object} Drawing
 * @property {number} width
 * @property {number} height
 * @property {number} left
 * @property {number} right
 * @property {Panel[]} panels lag, what waits, and rates, one above the other over one axis of time
 * @property {{ x: number, text: string }[]} ticks
 * @property {{ x: number, width: number }[]} bands where arrivals and pace part
 * @property {{ x: number, text: string }[]} marks steps that were taken
 * @property {string} summary the same in words
 */

const LEFT = 58;
const RIGHT = 12;
const PANEL = 170;
const BETWEEN = 34;
const TIME_TICK_PX = 90;

/** Points farther apart than so many stretches are not joined. */
const GAP = 4;

/**
 * @param {Past} past
 * @param {Modality} modality
 * @param {{ windowMs: number, now: number, width: number, budgetMs: number }} frame `now`: when it was answered
 * @returns {Drawing}
 */
export function drawingOf(past, modality, { windowMs, now, width, budgetMs }) {
  const points = courseOf(past, modality);
  const stretchMs = Math.max(past.lag.stretchMs, past.backlog.history.stretchMs);
  const partings = partingsOf(points, budgetMs, stretchMs);
  const right = width - RIGHT;
  /** @param {number} at */
  const across = (at) => round(LEFT + clamp(1 - (now - at) / windowMs) * (right - LEFT));
  const space = { across, gapMs: GAP * stretchMs };
  const panels = [
    panel(
      0,
      'Lag, captured to reachable (log scale)',
      ['p50', 'p95', 'p99'],
      points,
      lagScale(points, budgetMs),
      space,
    ),
    panel(1, 'Backlog: records that wait', ['waiting'], points, countScale(points, ['waiting'], 1), space),
    panel(
      2,
      'Records per second',
      ['arrived', 'completed'],
      points,
      countScale(points, ['arrived', 'completed'], 0.1),
      space,
    ),
  ];
  return {
    width,
    height: topOf(panels.length),
    left: LEFT,
    right,
    panels,
    ticks: timeTicks(now, windowMs, across, right - LEFT),
    bands: partings.map(({ from, until }) => ({ x: across(from), width: Math.max(2, across(until) - across(from)) })),
    marks: past.backlog.history.pressure.map(({ at, to }) => ({ x: across(Date.parse(at)), text: STEP_NAMES[to] })),
    summary: `${summaryOf(points, partings, budgetMs, now)} ${stepsOf(past, now)}`.trim(),
  };
}

/**
 * @typedef {{ place: (value: number) => number, ticks: { at: number, text: string }[], limit?: number }} Scale places are
 * from 0, below, to 1
 */

/**
 * @param {number} order
 * @param {string} title
 * @param {(keyof Point)[]} names
 * @param {readonly Point[]} points
 * @param {Scale} scale
 * @param {{ across: (at: number) => number, gapMs: number }} space
 * @returns {Panel}
 */
function panel(order, title, names, points, scale, { across, gapMs }) {
  const top = topOf(order) + 20;
  const bottom = topOf(order) + 20 + PANEL - BETWEEN;
  /** @param {number} value */
  const up = (value) => round(bottom - clamp(scale.place(value)) * (bottom - top));
  const lines = names.map((name) => ({ name, d: path(points, name, across, up, gapMs) }));
  const limit = scale.limit === undefined ? undefined : { y: up(scale.limit), text: `budget ${duration(scale.limit)}` };
  return { title, top, bottom, ticks: scale.ticks.map(({ at, text }) => ({ y: up(at), text })), lines, limit };
}

/** @param {number} order */
function topOf(order) {
  return order * PANEL + (order === 0 ? 0 : 8 * order);
}

/**
 * An SVG path with gaps where nothing is known; a point that stands alone is a dot.
 *
 * @param {readonly Point[]} points
 * @param {keyof Point} name
 * @param {(at: number) => number} across
 * @param {(value: number) => number} up
 * @param {number} gapMs
 */
function path(points, name, across, up, gapMs) {
  let last = -Infinity;
  return points
    .flatMap((point) => {
      const value = point[name];
      if (value === null) return [];
      const joined = point.at - last <= gapMs;
      last = point.at;
      return `${joined ? 'L' : 'M'}${across(point.at)} ${up(value)}${joined ? '' : 'h0.1'}`;
    })
    .join('');
}

/**
 * Powers of ten around the values and the budget.
 *
 * @param {readonly Point[]} points
 * @param {number} budgetMs
 * @returns {Scale}
 */
function lagScale(points, budgetMs) {
  const values = [budgetMs / 10, budgetMs, ...points.flatMap(({ p50, p99 }) => [p50 ?? budgetMs, p99 ?? budgetMs])];
  const positive = values.map((value) => Math.max(1, value));
  const low = Math.floor(Math.log10(Math.min(...positive)));
  const high = Math.max(low + 1, Math.ceil(Math.log10(Math.max(...positive))));
  const ticks = Array.from({ length: high - low + 1 }, (_, index) => {
    return { at: 10 ** (low + index), text: duration(10 ** (low + index)) };
  });
  return { place: (value) => (Math.log10(Math.max(1, value)) - low) / (high - low), ticks, limit: budgetMs };
}

/**
 * From nothing to a round number above the values.
 *
 * @param {readonly Point[]} points
 * @param {(keyof Point)[]} names
 * @param {number} least
 * @returns {Scale}
 */
function countScale(points, names, least) {
  const most = Math.max(least, ...points.flatMap((point) => names.map((name) => point[name] ?? 0)));
  const power = 10 ** Math.floor(Math.log10(most));
  const end = ([1, 2, 3, 4, 6, 8, 10].find((factor) => factor * power >= most) ?? 10) * power;
  const ticks = [0, end / 2, end].map((at) => ({ at, text: String(Number(at.toPrecision(3))) }));
  return { place: (value) => value / end, ticks };
}

/**
 * @param {number} now
 * @param {number} windowMs
 * @param {(at: number) => number} across
 * @param {number} width
 */
function timeTicks(now, windowMs, across, width) {
  const count = Math.max(2, Math.floor(width / TIME_TICK_PX));
  return Array.from({ length: count + 1 }, (_, index) => {
    const at = now - windowMs + (windowMs * index) / count;
    return { x: across(at), text: clock(at, at).slice(0, 5) };
  });
}

/**
 * @param {readonly Point[]} points
 * @param {readonly Parting[]} partings
 * @param {number} budgetMs
 * @param {number} now
 */
function summaryOf(points, partings, budgetMs, now) {
  if (points.length === 0) return 'Nothing was sampled and nothing became reachable within this window.';
  const last = points.findLast(({ p99 }) => p99 !== null);
  const lag =
    last === undefined
      ? 'Nothing became reachable.'
      : `Last lag at ${clock(last.at, now)}: p50 ${duration(last.p50)}, p99 ${duration(last.p99)}, of a budget of ${duration(budgetMs)}.`;
  const most = Math.max(0, ...points.map(({ waiting }) => waiting ?? 0));
  const parted = partings.map(({ from, until, open }) => {
    return `from ${clock(from, now)} ${open ? 'on' : `to ${clock(until, now)}`}`;
  });
  const told =
    parted.length === 0
      ? 'Arrivals and pace did not part.'
      : `Arrivals and pace parted ${parted.join(', ')}: more came than was completed, and what waited built up.`;
  return `${lag} At most ${most.toLocaleString('en')} waited. ${told}`;
}

/**
 * @param {Past} past
 * @param {number} now
 */
function stepsOf({ backlog }, now) {
  const steps = backlog.history.pressure.map(({ at, to }) => `${clock(at, now)} ${STEP_NAMES[to]}`);
  return steps.length === 0 ? '' : `Steps against pressure: ${steps.join('; ')}.`;
}

/** @param {number} share */
function clamp(share) {
  return Math.min(1, Math.max(0, share));
}

/** @param {number} value */
function round(value) {
  return Math.round(value * 10) / 10;
}
