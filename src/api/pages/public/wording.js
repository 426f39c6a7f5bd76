/** @import { Budget, HealthReason, Modality, ModelSource, ModelState, ModalityBacklog, Objective, PressureStep, Stage } from '../contract.ts' */

/** @type {Readonly<Record<Modality, string>>} */
export const MODALITY_NAMES = { chat: 'Messages', audio: 'Calls', screenshot: 'Screenshots' };

/** @type {Readonly<Record<Stage | 'total', string>>} */
export const STAGE_NAMES = {
  ingest: 'Δi ingest',
  stream: 'Δs stream',
  transform: 'Δt transform',
  index: 'Δx index',
  total: 'Total',
};

/** @type {Readonly<Record<ModelSource, string>>} */
export const MODEL_NAMES = { embedding: 'Embedding', speech: 'Speech recognition', vision: 'Screen reading' };

/**
 * What Earshot does under pressure, in the order in which it is done.
 *
 * @type {Readonly<Record<PressureStep, string>>}
 */
export const STEP_NAMES = {
  none: 'none',
  slow_reprocessing: 'reprocessing slows to nothing',
  grow_batches: 'batches grow',
  drop_captions: 'captions of screenshots are left for later',
  refuse_bulk: 'history is refused (429)',
  refuse_live: 'live records of overloaded kinds are refused (429)',
};

/**
 * The steps that are in force: each brings all before it.
 *
 * @param {PressureStep} step
 * @returns {PressureStep[]}
 */
export function stepsInForce(step) {
  const steps = /** @type {PressureStep[]} */ (Object.keys(STEP_NAMES));
  return steps.slice(1, steps.indexOf(step) + 1);
}

const NOTHING = 'none';

/**
 * A length of time, to two places that matter unless more decimals are asked for.
 *
 * @param {number | null} ms
 * @param {(value: number) => number} [round]
 * @param {number} [decimals] at the least
 */
export function duration(ms, round = Math.round, decimals = 0) {
  if (ms === null) return NOTHING;
  if (Math.abs(ms) < 999.5) return `${rounded(ms, 0, round)} ms`;
  /** @param {number} value */
  const told = (value) => rounded(value, Math.max(decimals, Math.abs(value) < 9.95 ? 1 : 0), round);
  const seconds = ms / 1_000;
  if (Math.abs(seconds) < 119.5) return `${told(seconds)} s`;
  const minutes = seconds / 60;
  if (Math.abs(minutes) < 119.5) return `${told(minutes)} min`;
  const hours = minutes / 60;
  return Math.abs(hours) < 47.5 ? `${told(hours)} h` : `${rounded(hours / 24, decimals, round)} d`;
}

/**
 * @param {number} value
 * @param {number} places
 * @param {(value: number) => number} [round]
 */
function rounded(value, places, round = Math.round) {
  // 1.001 * 1,000 is 1,000.9999999999999: that is no less than 1,001.
  return round(Number((value * 10 ** places).toPrecision(12))) / 10 ** places;
}

/** @param {number | null} perSecond */
export function rate(perSecond) {
  return perSecond === null ? NOTHING : `${rounded(perSecond, perSecond < 10 ? 2 : 0)}/s`;
}

/**
 * @param {number} count
 * @param {string} one
 * @param {string} [many]
 */
export function counted(count, one, many = `${one}s`) {
  return `${count.toLocaleString('en')} ${count === 1 ? one : many}`;
}

/**
 * A time of day, with its date when that is another day.
 *
 * @param {string | number} time
 * @param {number} now
 */
export function clock(time, now) {
  const date = new Date(time);
  const today = date.toDateString() === new Date(now).toDateString();
  const day = today ? '' : `${date.toLocaleDateString('en-GB', { day: 'numeric', month: 'short' })} `;
  return day + date.toLocaleTimeString('en-GB');
}

/**
 * When a budget will be breached, if what waits grows on as it does.
 *
 * @param {Pick<ModalityBacklog, 'minutesToBreach' | 'drainSeconds'> | undefined} backlog
 */
export function forecast(backlog) {
  if (backlog === undefined) return 'not known: nothing was sampled lately';
  const { minutesToBreach: minutes, drainSeconds: drain } = backlog;
  if (minutes === 0) return `the budget is breached now${drained(drain)}`;
  if (minutes === null) return `no breach in sight${drained(drain)}`;
  if (minutes < 1) return 'the budget is breached in less than a minute';
  return `the budget is breached in ${minutes < 10 ? rounded(minutes, 1) : Math.round(minutes)} min`;
}

/** @param {number | null} seconds */
function drained(seconds) {
  return seconds === null || seconds < 1 ? '' : `; what waits is gone in ${duration(seconds * 1_000)}`;
}

/**
 * A window as it is read: `24 h`.
 *
 * @param {string} window
 */
export function spaced(window) {
  return window.replace(/(?<=\d)(?=[a-z])/, ' ');
}

/** @type {Readonly<Record<string, string>>} */
const OBJECTIVES = {
  freshness_chat_p99: 'Messages reachable, p99',
  freshness_audio_p99: 'Calls reachable, p99',
  freshness_screenshot_p99: 'Screenshots reachable, p99',
  retrieval_p95: 'Questions answered, p95',
  retrieval_p99: 'Questions answered, p99',
  acceptance_p95: 'Records accepted, p95',
  acceptance_p99: 'Records accepted, p99',
  availability: 'Availability',
  canaries_found: 'Correctness: canaries found',
  red_violations_open: 'Correctness: open red faults',
  reconciliation_unrepairable: 'Correctness: faults that reconciliation could not repair',
  held_back: 'Data quality: records held back or failed',
};

/** Of the others less is better. */
const AT_LEAST = new Set(['availability', 'canaries_found']);

/** @param {string} name */
export function objectiveName(name) {
  return OBJECTIVES[name] ?? plain(name);
}

/** @param {Objective} objective */
export function target({ name, unit, target: value }) {
  const bound = AT_LEAST.has(name) ? 'at least' : 'at most';
  if (unit === 'ms') return `${bound} ${duration(value, Math.round, 3)}`;
  return `${bound} ${unit === 'percent' ? `${value} %` : value.toLocaleString('en')}`;
}

/**
 * What was measured, rounded away from the target: what missed it must not read as if it had met it. A share is rounded to
 * the worse even where it met its target, so that 100 % says that nothing failed, and 0 % that nothing was held back.
 *
 * @param {Objective} objective
 */
export function measure({ name, unit, measured: value, met }) {
  if (value === null) return 'nothing to measure';
  if (unit === 'count') return value.toLocaleString('en');
  const atLeast = AT_LEAST.has(name);
  if (unit === 'percent') return `${rounded(value, 3, atLeast ? Math.floor : Math.ceil)} %`;
  return duration(value, atLeast === (met === true) ? Math.ceil : Math.floor);
}

/**
 * @param {ModelState} model
 * @param {number} now
 */
export function modelState({ state, cause, since }, now) {
  if (state === 'running') return 'running';
  const by = cause === 'operator' ? 'by an operator' : 'by itself, because its endpoint fails';
  return `paused ${by}, since ${clock(since, now)}`;
}

/**
 * A fault of health in words, without times.
 *
 * @param {HealthReason} reason
 */
export function fault({ code, modality, value }) {
  const of = modality === null ? '' : ` (${MODALITY_NAMES[modality].toLowerCase()})`;
  const paused = /^source_paused_(.+)$/.exec(code)?.[1];
  if (paused !== undefined) return `${MODEL_NAMES[/** @type {ModelSource} */ (paused)] ?? plain(paused)} is paused`;
  if (code === 'waits_too_long') return `a record waits too long${of}`;
  if (code === 'vectors_missing') return `${counted(value ?? 0, 'chunk')} without a vector${of}`;
  if (code === 'canaries_switched_off') return 'canaries are switched off: nobody looks whether records are found';
  if (code === 'no_canary_yet') return 'no canary was planted yet';
  if (code === 'canary_stale') return `no canary was found for long${of}`;
  return plain(code) + of;
}

/** @param {string} code */
function plain(code) {
  return code.replaceAll('_', ' ');
}

/**
 * Why a question has no new answer, and when it is asked again.
 *
 * @param {string} question
 * @param {string} why
 * @param {number | null} nextInMs null while the page is held still
 */
export function unanswered(question, why, nextInMs) {
  const again =
    nextInMs === null
      ? 'It is not asked again while held still'
      : `It is asked again in ${Math.ceil(nextInMs / 1_000)} s`;
  return `Nothing new about ${question}: ${why}. ${again}.`;
}

/** @param {Budget} budget */
export function stagesAtFault({ overBudget }) {
  return overBudget.map((stage) => STAGE_NAMES[stage]).join(', ');
}
