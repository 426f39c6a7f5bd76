/** @import { Ask, Now, Past, ServiceLevel } from '../contract.ts' */
/** @import { NoAnswer } from './ask.js' */
import { askWith } from './ask.js';
import { byId, say } from './draw.js';
import { lookLevel, lookNow, lookPast } from './looks.js';
import { Round } from './rounds.js';
import { showHeadline, showLevel, showNow, showPast } from './show.js';
import { clock } from './wording.js';

const KEPT_AS = 'earshot-operator-key';

/** How often each question is asked: the longer the window, the more rows its answer is made from. */
const NOW_EVERY_MS = 5_000;
/** @type {Readonly<Record<string, number>>} */
const LEVEL_EVERY_MS = { '1h': 15_000, '24h': 60_000, '7d': 300_000 };
/** @type {Readonly<Record<string, number>>} */
const PAST_EVERY_MS = { '15m': 10_000, '1h': 30_000, '6h': 120_000 };

/** What is shown is old when it has missed so many rounds. */
const OLD_AFTER_MS = 3 * NOW_EVERY_MS;

const form = byId('key-form', HTMLFormElement);
const field = byId('key', HTMLInputElement);
const shown = byId('shown', HTMLDivElement);
const controls = byId('controls', HTMLParagraphElement);
const hold = byId('hold', HTMLButtonElement);
const trouble = byId('trouble', HTMLParagraphElement);
const age = byId('age', HTMLParagraphElement);

/** @type {{ now?: Now, level?: ServiceLevel, past?: Past, answeredAt?: number, held: boolean, troubles: Map<string, string> }} */
const state = { held: false, troubles: new Map() };

/** @param {string} name */
const chosen = (name) => {
  const radio = document.querySelector(`input[name="${name}"]:checked`);
  return radio instanceof HTMLInputElement ? radio.value : '';
};

/**
 * @template Answer
 * @param {(ask: Ask) => Promise<Answer>} look
 * @returns {(signal: AbortSignal) => Promise<Answer>}
 */
const asking = (look) => (signal) => look(askWith(keyKept() ?? '', signal));

const now = new Round({
  look: asking(lookNow),
  everyMs: () => NOW_EVERY_MS,
  show: (/** @type {Now} */ answer) => {
    state.now = answer;
    state.answeredAt = Date.now();
    if (state.troubles.has('now')) rounds.filter((round) => round !== now).forEach((round) => round.start());
    untroubled('now');
    showNow(answer, Date.now());
    headline();
    tellAge();
  },
  missed: (error, nextInMs) => missed('now', error, nextInMs),
});

const level = new Round({
  look: asking((ask) => lookLevel(ask, chosen('level-window'))),
  everyMs: () => LEVEL_EVERY_MS[chosen('level-window')] ?? NOW_EVERY_MS,
  show: (/** @type {ServiceLevel} */ answer) => {
    state.level = answer;
    untroubled('level');
    showLevel(answer, Date.now());
    headline();
  },
  missed: (error, nextInMs) => missed('level', error, nextInMs),
});

const past = new Round({
  look: asking((ask) => lookPast(ask, chosen('course-window'))),
  everyMs: () => PAST_EVERY_MS[chosen('course-window')] ?? NOW_EVERY_MS,
  show: (/** @type {Past} */ answer) => {
    state.past = answer;
    untroubled('past');
    drawPast();
  },
  missed: (error, nextInMs) => missed('past', error, nextInMs),
});

const rounds = [now, level, past];

function headline() {
  if (state.now !== undefined && state.level !== undefined) showHeadline(state.now.health, state.level);
}

function drawPast() {
  if (state.past !== undefined) showPast(state.past, chosen('course-modality'), chosen('course-window'), Date.now());
}

function keyKept() {
  return sessionStorage.getItem(KEPT_AS);
}

/** @type {Readonly<Record<string, string>>} */
const QUESTIONS = { now: 'how it stands', level: 'the service level', past: 'lag over arrivals' };

/**
 * @param {string} question
 * @param {NoAnswer} error
 * @param {number} nextInMs
 */
function missed(question, error, nextInMs) {
  if (error.ofKey) return askForKey(`The key was refused: ${error.message}.`);
  const soon = `It is asked again in ${Math.ceil(nextInMs / 1_000)} s.`;
  state.troubles.set(question, `No answer about ${QUESTIONS[question]}: ${error.message}. ${soon}`);
  tellTroubles();
  tellAge();
}

/** @param {string} question */
function untroubled(question) {
  state.troubles.delete(question);
  tellTroubles();
}

function tellTroubles() {
  const { answeredAt, troubles } = state;
  const from =
    troubles.has('now') && answeredAt !== undefined
      ? [`What is shown is old: from ${clock(answeredAt, Date.now())}.`]
      : [];
  say(trouble, [...from, ...troubles.values()].join(' '));
}

/** @param {string} why */
function askForKey(why) {
  rounds.forEach((round) => round.forget());
  state.troubles.clear();
  sessionStorage.removeItem(KEPT_AS);
  delete state.now;
  delete state.level;
  delete state.past;
  delete state.answeredAt;
  form.hidden = false;
  shown.hidden = true;
  controls.hidden = true;
  say(trouble, why);
  tellAge();
  field.value = '';
  field.focus();
}

/** Looks, if there is a key and somebody sees it. */
function look() {
  rounds.forEach((round) => round.stop());
  if (keyKept() === null) return askForKey('');
  form.hidden = true;
  shown.hidden = false;
  controls.hidden = false;
  if (!document.hidden && !state.held) rounds.forEach((round) => round.resume());
  tellAge();
}

/** Says how old what is shown is. It is not read out: what is wrong is, as trouble. */
function tellAge() {
  const { answeredAt, held } = state;
  const old = answeredAt !== undefined && Date.now() - answeredAt > OLD_AFTER_MS;
  document.body.classList.toggle('old', old && !held);
  if (answeredAt === undefined) return say(age, '');
  const seconds = Math.round((Date.now() - answeredAt) / 1_000);
  const kind = held ? 'Held still' : old ? 'OLD' : 'Now';
  say(age, `${kind}: as of ${clock(answeredAt, Date.now())}${seconds < 2 ? '' : `, ${seconds} s ago`}`);
}

form.addEventListener('submit', (event) => {
  event.preventDefault();
  sessionStorage.setItem(KEPT_AS, field.value.trim());
  field.value = '';
  say(trouble, '');
  look();
});
byId('forget', HTMLButtonElement).addEventListener('click', () => askForKey(''));
hold.addEventListener('click', () => {
  state.held = !state.held;
  hold.setAttribute('aria-pressed', String(state.held));
  look();
});
byId('level-window', HTMLFieldSetElement).addEventListener('change', () => level.start(!state.held));
byId('course-window', HTMLFieldSetElement).addEventListener('change', () => past.start(!state.held));
byId('course-modality', HTMLFieldSetElement).addEventListener('change', drawPast);
document.addEventListener('visibilitychange', look);
new ResizeObserver(drawPast).observe(byId('course', HTMLDivElement));
window.setInterval(tellAge, 1_000);
look();
