/** @import { Budget, Cell, Health, HealthReason, ModalityBacklog, ModalityFreshness, ModelState, Now, Objective, Percentiles, QueueBacklog, Row, ServiceLevel, Stage, Tone, Violation } from '../contract.ts' */
import {
  clock,
  counted,
  duration,
  fault,
  forecast,
  measure,
  MODEL_NAMES,
  modelState,
  objectiveName,
  rate,
  spaced,
  STAGE_NAMES,
  target,
} from './wording.js';

/**
 * The line on top: met or not, and what is at fault. It tells no times, for it is read out whenever it changes.
 *
 * @param {Health} health
 * @param {ServiceLevel} level of the window that was chosen
 * @returns {{ text: string, tone: Tone }}
 */
export function headline(health, level) {
  const reds = [...new Set(health.reasons.filter(({ status }) => status === 'red').map(fault))];
  const missed = level.objectives.filter(({ met }) => met === false).map(({ name }) => objectiveName(name));
  const window = spaced(level.window);
  if (reds.length === 0 && missed.length === 0) return atNoFault(health, level, window);
  const now = reds.length === 0 ? '' : ` At fault now: ${reds.join('; ')}.`;
  const within = missed.length === 0 ? '' : ` Missed within ${window}: ${missed.join('; ')}.`;
  return { text: `Not met.${now}${within}`, tone: 'bad' };
}

/**
 * Nothing is called met of which nothing was measured; that no fault is open measures nothing.
 *
 * @param {Health} health
 * @param {ServiceLevel} level
 * @param {string} window
 * @returns {{ text: string, tone: Tone }}
 */
function atNoFault(health, { objectives }, window) {
  const careful = health.status === 'yellow' ? ' Look at what is listed below.' : '';
  const unmeasured = objectives.filter(({ met }) => met === null).length;
  const missing = `${unmeasured} of ${counted(objectives.length, 'objective')} had nothing to measure within ${window}.`;
  if (objectives.every(({ met, unit }) => met === null || unit === 'count')) {
    return { text: `Not measured: nothing is at fault, but ${missing}${careful}`, tone: 'quiet' };
  }
  const rest = unmeasured === 0 ? '' : ` ${missing}`;
  return {
    text: `Met within ${window}: nothing is at fault.${rest}${careful}`,
    tone: careful === '' ? 'good' : 'warn',
  };
}

/**
 * Open faults, the red ones first, each with its times.
 *
 * @param {Now} standing
 * @param {number} now
 * @returns {Cell[]}
 */
export function faults({ health, violations, models }, now) {
  const sorted = health.reasons.toSorted((one, other) => Number(other.status === 'red') - Number(one.status === 'red'));
  const listed = sorted.map((reason) => {
    const since = times(reason, violations.violations, models.sources, now);
    const grade = reason.status === 'red' ? 'Red' : 'Yellow';
    /** @type {Tone} */
    const tone = reason.status === 'red' ? 'bad' : 'warn';
    return { text: `${grade}: ${fault(reason)}${since}`, tone };
  });
  return listed.length > 0 ? listed : [{ text: 'No fault is open.', tone: 'quiet' }];
}

/** Faults whose value is how long they last, in milliseconds; of others it is how many rows are affected. */
const TIMED = /^(waits_too_long$|canary_|source_paused_)/;

/**
 * @param {HealthReason} reason
 * @param {readonly Violation[]} violations
 * @param {readonly ModelState[]} models
 * @param {number} now
 */
function times(reason, violations, models, now) {
  const { code, value, limit } = reason;
  const model = models.find(({ source }) => code === `source_paused_${source}`);
  if (model !== undefined) {
    return ` since ${clock(model.since, now)}; ${counted(model.waiting, 'record waits', 'records wait')} for it`;
  }
  const timed = TIMED.test(code);
  const affected = timed || value === null ? '' : `; ${counted(value, 'row')} affected`;
  const seen = violations.find((each) => isOf(reason, each));
  if (seen !== undefined) {
    return ` since ${clock(seen.firstSeenAt, now)}, last seen ${clock(seen.lastSeenAt, now)}${affected}`;
  }
  // The fault itself tells how many vectors are missing.
  if (value === null || code === 'vectors_missing') return '';
  if (!timed) return affected;
  const bound = limit === null || limit === 0 ? '' : `, limit ${duration(limit)}`;
  return ` since ${clock(now - value, now)} (${duration(value)}${bound})`;
}

/**
 * A canary may fail in each modality by itself; other faults concern all.
 *
 * @param {HealthReason} reason
 * @param {Violation} violation
 */
function isOf({ code, modality }, violation) {
  const same = modality === null || modality === violation.modality;
  return same && code === `${violation.check}_${violation.code}`;
}

/**
 * @param {readonly Objective[]} objectives
 * @returns {Row[]}
 */
export function objectiveRows(objectives) {
  return objectives.map((objective) => [
    { text: objectiveName(objective.name) },
    { text: target(objective) },
    { text: measure(objective) },
    verdict(objective.met),
  ]);
}

/**
 * @param {boolean | null} met
 * @returns {Cell}
 */
function verdict(met) {
  if (met === null) return { text: 'not measured', tone: 'quiet' };
  return met ? { text: 'met', tone: 'good' } : { text: 'NOT MET', tone: 'bad' };
}

/**
 * How much of a budget is used: by what passed, at p99, or by what stands there now. Null where nothing was measured.
 *
 * @param {number} budgetMs
 * @param {number | null} p99Ms
 * @param {number | null} oldestMs
 */
export function shareOfBudget(budgetMs, p99Ms, oldestMs) {
  if (p99Ms === null && oldestMs === null) return null;
  return Math.max(p99Ms ?? 0, oldestMs ?? 0, 0) / budgetMs;
}

/**
 * Each stage of a source and the whole, with its budget.
 *
 * @param {Budget} budget
 * @param {ModalityFreshness | undefined} passed
 * @returns {Row[]}
 */
export function stageRows(budget, passed) {
  const rows = budget.stages.map((each) => stageRow(each, passed?.stages[each.stage] ?? null));
  const { budgetMs, oldestWaitingMs, overBudget } = budget;
  const status = overBudget.includes('total') ? 'red' : 'green';
  return [...rows, stageRow({ stage: 'total', status, budgetMs, oldestWaitingMs }, passed?.total ?? null)];
}

/**
 * @param {Omit<Budget['stages'][number], 'stage'> & { stage: Stage | 'total' }} stage
 * @param {Percentiles | null} passed
 * @returns {Row}
 */
function stageRow({ stage, status, budgetMs, oldestWaitingMs }, passed) {
  const share = shareOfBudget(budgetMs, passed?.p99 ?? null, oldestWaitingMs);
  return [
    { text: STAGE_NAMES[stage], ...(status === 'red' ? { tone: 'bad' } : {}) },
    { text: duration(budgetMs) },
    { text: duration(passed?.p50 ?? null) },
    { text: duration(passed?.p95 ?? null) },
    { text: duration(passed?.p99 ?? null) },
    { text: duration(oldestWaitingMs) },
    shareCell(share, status),
    stageVerdict(share, status),
  ];
}

/**
 * @param {number | null} share
 * @param {'green' | 'red'} status
 * @returns {Cell}
 */
function shareCell(share, status) {
  if (share === null) return { text: 'none' };
  return { text: `${Math.round(share * 100)} %`, share: Math.min(1, share), tone: status === 'red' ? 'bad' : 'good' };
}

/**
 * @param {number | null} share
 * @param {'green' | 'red'} status
 * @returns {Cell}
 */
function stageVerdict(share, status) {
  if (status === 'red') return { text: 'OVER', tone: 'bad' };
  return share === null ? { text: 'nothing passed', tone: 'quiet' } : { text: 'within', tone: 'good' };
}

/**
 * What waits of a source, and where that leads.
 *
 * @param {ModalityBacklog | undefined} backlog
 * @returns {Row[]}
 */
export function waitingRows(backlog) {
  /** @type {Cell} */
  const foretold = {
    text: forecast(backlog),
    ...(typeof backlog?.minutesToBreach === 'number' ? { tone: 'bad' } : {}),
  };
  if (backlog === undefined) return [[{ text: 'Forecast' }, foretold]];
  const { accepted, recognising, indexing } = backlog.stages;
  return [
    [
      { text: 'Waiting' },
      {
        text: `${counted(backlog.waiting, 'record')}: ${accepted} to be taken, ${recognising} being recognised, ${indexing} being indexed`,
      },
    ],
    [{ text: 'Oldest' }, { text: duration(backlog.oldestMs) }],
    [{ text: 'Past budget' }, { text: `${backlog.overdue}; stuck ${backlog.stuck}; came late ${backlog.late}` }],
    [{ text: 'Arriving' }, { text: rate(backlog.arrivedPerSecond) }],
    [{ text: 'Completed' }, { text: rate(backlog.completedPerSecond) }],
    [{ text: 'Forecast' }, foretold],
  ];
}

/**
 * @param {readonly ModelState[]} models
 * @param {number} now
 * @returns {Row[]}
 */
export function modelRows(models, now) {
  return models.map((model) => [
    { text: MODEL_NAMES[model.source] },
    { text: modelState(model, now), tone: model.state === 'paused' ? 'bad' : 'good' },
    { text: model.failures === 0 ? 'none' : `${model.failures} in a row: ${model.lastError ?? 'not known'}` },
    { text: counted(model.waiting, 'record') },
    { text: duration(model.oldestWaitingMs) },
  ]);
}

/**
 * @param {readonly QueueBacklog[]} queues
 * @returns {Row[]}
 */
export function queueRows(queues) {
  return queues.map(({ queue, kind, backlog, oldestMs, addedPerSecond, dispatchedPerSecond }) => [
    { text: `${queue}, ${kind === 'workflow' ? 'workflows' : 'steps'}` },
    { text: backlog.toLocaleString('en') },
    { text: backlog === 0 ? 'none' : duration(oldestMs) },
    { text: rate(addedPerSecond) },
    { text: rate(dispatchedPerSecond) },
  ]);
}
