/** @import { Budget, Cell, Health, Modality, ModalityFreshness, Now, Past, ServiceLevel, Tone } from '../contract.ts' */
import { courseOf } from './course.js';
import { byId, draw, fillList, fillRows, say } from './draw.js';
import { drawingOf } from './geometry.js';
import { faults, headline, modelRows, objectiveRows, queueRows, stageRows, waitingRows } from './standing.js';
import {
  clock,
  counted,
  duration,
  MODALITY_NAMES,
  rate,
  stagesAtFault,
  STEP_NAMES,
  stepsInForce,
  spaced,
} from './wording.js';

/** Narrower, a chart could not be read: it is scrolled. */
const NARROWEST_CHART = 300;

/** Rows of the table beside the chart. */
const NEWEST = 30;

/** @type {Readonly<Record<string, number>>} */
const WINDOWS_MS = { '15m': 900_000, '1h': 3_600_000, '6h': 21_600_000 };

/** Takes away all that answers have told: of another key nothing of it may be seen. */
export function showNothing() {
  for (const told of document.querySelectorAll('[data-told]')) {
    told.replaceChildren();
    told.className = '';
  }
}

/**
 * @param {Health} health
 * @param {ServiceLevel} level
 */
export function showHeadline(health, level) {
  const { text, tone } = headline(health, level);
  const line = byId('headline', HTMLParagraphElement);
  say(line, text);
  line.className = tone;
}

/**
 * @param {ServiceLevel} level
 * @param {number} now
 */
export function showLevel(level, now) {
  say(
    byId('level-caption', HTMLTableCaptionElement),
    `Objectives, over the last ${spaced(level.window)}, as of ${clock(now, now)}`,
  );
  fillRows(byId('objectives', HTMLTableSectionElement), objectiveRows(level.objectives));
}

/**
 * @param {Now} standing
 * @param {number} now
 */
export function showNow(standing, now) {
  const { level, models, backlog } = standing;
  fillList(byId('faults', HTMLUListElement), faults(standing, now));
  const pressure = byId('pressure', HTMLParagraphElement);
  say(pressure, pressureOf(standing, now));
  pressure.className = backlog.pressure.step === 'none' ? '' : 'warn';
  for (const budget of level.freshness) showSource(budget, standing);
  fillRows(byId('models', HTMLTableSectionElement), modelRows(models.sources, now));
  fillRows(byId('queues', HTMLTableSectionElement), queueRows(backlog.queues));
}

/**
 * @param {Now} standing
 * @param {number} now
 */
function pressureOf({ backlog: { pressure, sampledAt } }, now) {
  const sampled = sampledAt === null ? ' Nothing was sampled lately: nothing is foretold.' : '';
  if (pressure.step === 'none') return `No step against pressure is in force.${sampled}`;
  const steps = stepsInForce(pressure.step).map((step) => STEP_NAMES[step]);
  const { cause } = pressure;
  const why =
    cause === null
      ? ''
      : `, for ${MODALITY_NAMES[cause.modality].toLowerCase()}${cause.own ? '' : ' of another tenant'}`;
  return `Steps against pressure in force since ${clock(pressure.since, now)}${why}: ${steps.join('; ')}.${sampled}`;
}

/**
 * @param {Budget} budget
 * @param {Now} standing
 */
function showSource(budget, { freshness, backlog }) {
  const name = MODALITY_NAMES[budget.modality];
  const card = cardOf(budget.modality);
  const passed = freshness.modalities.find(({ modality }) => modality === budget.modality);
  const { text, tone } = verdictOn(budget, passed);
  say(card.title, `${name}: ${text}`);
  card.title.className = tone;
  say(card.stagesCaption, `${name} by stage: ${counted(passed?.count ?? 0, 'record')} reachable in the last 15 min`);
  fillRows(card.stages, stageRows(budget, passed));
  say(card.factsCaption, `${name}: what waits, but for paused models`);
  fillRows(card.facts, waitingRows(backlog.modalities.find(({ modality }) => modality === budget.modality)));
}

/**
 * @param {Budget} budget
 * @param {ModalityFreshness | undefined} passed
 * @returns {Cell & { tone: Tone }}
 */
function verdictOn(budget, passed) {
  if (budget.status === 'red') return { text: `OVER BUDGET in ${stagesAtFault(budget)}`, tone: 'bad' };
  const seen = (passed?.count ?? 0) > 0 || budget.oldestWaitingMs !== null;
  return seen ? { text: 'within budget', tone: 'good' } : { text: 'nothing passed lately', tone: 'quiet' };
}

/**
 * The part of the page about a source, made when it is first told of.
 *
 * @param {Modality} modality
 */
function cardOf(modality) {
  const id = `source-${modality}`;
  let article = document.getElementById(id);
  if (article === null) {
    const made = document.importNode(byId('source', HTMLTemplateElement).content, true);
    article = /** @type {HTMLElement} */ (made.firstElementChild);
    article.id = id;
    part(article, '.scroll', HTMLDivElement).setAttribute(
      'aria-label',
      `Table of ${MODALITY_NAMES[modality].toLowerCase()} by stage`,
    );
    byId('sources', HTMLDivElement).append(article);
  }
  return {
    title: part(article, 'h3', HTMLHeadingElement),
    stagesCaption: part(article, '.stages caption', HTMLTableCaptionElement),
    stages: part(article, '.stages tbody', HTMLTableSectionElement),
    factsCaption: part(article, '.facts caption', HTMLTableCaptionElement),
    facts: part(article, '.facts tbody', HTMLTableSectionElement),
  };
}

/**
 * @template {Element} Kind
 * @param {Element} within
 * @param {string} selector
 * @param {new () => Kind} kind
 * @returns {Kind}
 */
function part(within, selector, kind) {
  const found = within.querySelector(selector);
  if (!(found instanceof kind)) throw new Error(`the page has no ${kind.name} ${selector}`);
  return found;
}

/**
 * @param {Past} past
 * @param {string} modality
 * @param {{ budgets: readonly Budget[], now: number }} from `now`: when it was answered
 */
export function showPast(past, modality, { budgets, now }) {
  const into = byId('course', HTMLDivElement);
  const of = /** @type {Modality} */ (modality);
  const width = Math.max(NARROWEST_CHART, into.clientWidth);
  const budgetMs = budgets.find((each) => each.modality === of)?.budgetMs ?? 0;
  const drawing = drawingOf(past, of, { windowMs: WINDOWS_MS[past.lag.window] ?? 0, now, width, budgetMs });
  draw(into, drawing);
  say(byId('course-summary', HTMLElement), drawing.summary);
  const rows = courseOf(past, of).slice(-NEWEST).reverse();
  fillRows(
    byId('points', HTMLTableSectionElement),
    rows.map((point) => [
      { text: clock(point.at, now) },
      ...[point.p50, point.p95, point.p99].map((lag) => ({ text: duration(lag) })),
      { text: String(point.waiting ?? 'none') },
      { text: rate(point.arrived) },
      { text: rate(point.completed) },
    ]),
  );
}
