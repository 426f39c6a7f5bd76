/** @import { Ask, Now, Past, ServiceLevel } from '../contract.ts' */
/** @import { NoAnswer } from './ask.js' */
import { askWith, serverNow } from './ask.js';
import { byId, say } from './draw.js';
import { lookLevel, lookNow, lookPast } from './looks.js';
import { Round } from './rounds.js';
import { showHeadline, showLevel, showNothing, showNow, showPast } from './show.js';
import { clock, unanswered } from './wording.js';

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

/**
 * What was answered last, and when, by the server's clock; and why questions have no new answer.
 *
 * @type {{ now?: Now, level?: ServiceLevel, past?: Past, answeredAt?: number, pastAt?: number, held: boolean, troubles: Map<string, { why: string, nextInMs: number }> }}
 */
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
    const first = state.now === undefined;
    const answeredAt = serverNow();
    state.now = answer;
    shown.hidden = false;
    showNow(answer, answeredAt);
    headline();
    state.answeredAt = answeredAt;
    if (first) drawPast();
    if (state.troubles.has('now')) rounds.filter((round) => round !== now).forEach((round) => round.start());
    untroubled('now');
    tellAge();
  },
  missed: (error, nextInMs) => missed('now', error, nextInMs),
});

const level = new Round({
  look: asking((ask) => lookLevel(ask, chosen('level-window'))),
  everyMs: () => LEVEL_EVERY_MS[chosen('level-window')] ?? NOW_EVERY_MS,
  show: (/** @type {ServiceLevel} */ answer) => {
    state.level = answer;
    shown.hidden = false;
    showLevel(answer, serverNow());
    headline();
    untroubled('level');
  },
  missed: (error, nextInMs) => missed('level', error, nextInMs),
});

const past = new Round({
  look: asking((ask) => lookPast(ask, chosen('course-window'))),
  everyMs: () => PAST_EVERY_MS[chosen('course-window')] ?? NOW_EVERY_MS,
  show: (/** @type {Past} */ answer) => {
    state.past = answer;
    state.pastAt = serverNow();
    shown.hidden = false;
    drawPast();
    untroubled('past');
  },
  missed: (error, nextInMs) => missed('past', error, nextInMs),
});

const rounds = [now, level, past];

function headline() {
  if (state.now !== undefined && state.level !== undefined) showHeadline(state.now.health, state.level);
}

/** Draws it as of when it was answered, in the window that was asked for, however it is redrawn. */
function drawPast() {
  const { now: standing, past: answer, pastAt } = state;
  if (standing === undefined || answer === undefined || pastAt === undefined) return;
  showPast(answer, chosen('course-modality'), { budgets: standing.level.freshness, now: pastAt });
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
  state.troubles.set(question, { why: error.message, nextInMs });
  tellTroubles();
  tellAge();
}

/** @param {string} question */
function untroubled(question) {
  state.troubles.delete(question);
  tellTroubles();
}

function tellTroubles() {
  const { answeredAt, held, troubles } = state;
  const from =
    troubles.has('now') && answeredAt !== undefined
      ? [`What is shown is old: from ${clock(answeredAt, serverNow())}.`]
      : [];
  const told = [...troubles].map(([question, { why, nextInMs }]) => {
    return unanswered(QUESTIONS[question] ?? question, why, held ? null : nextInMs);
  });
  say(trouble, [...from, ...told].join(' '));
}

/**
 * Takes away the key and all that was answered to it.
 *
 * @param {string} why
 */
function askForKey(why) {
  rounds.forEach((round) => round.forget());
  state.troubles.clear();
  sessionStorage.removeItem(KEPT_AS);
  delete state.now;
  delete state.level;
  delete state.past;
  delete state.answeredAt;
  delete state.pastAt;
  holdStill(false);
  showNothing();
  form.hidden = false;
  shown.hidden = true;
  controls.hidden = true;
  say(trouble, why);
  tellAge();
  field.value = '';
  field.focus();
}

/** @param {boolean} held */
function holdStill(held) {
  state.held = held;
  hold.setAttribute('aria-pressed', String(held));
  tellTroubles();
}

/** Looks, if there is a key and somebody sees it. */
function look() {
  rounds.forEach((round) => round.stop());
  if (keyKept() === null) return askForKey('');
  form.hidden = true;
  controls.hidden = false;
  if (!document.hidden && !state.held) rounds.forEach((round) => round.resume());
  tellAge();
}

/** Says how old what is shown is. It is not read out: what is wrong is, as trouble. */
function tellAge() {
  const { answeredAt, held } = state;
  const agedMs = answeredAt === undefined ? 0 : serverNow() - answeredAt;
  const old = agedMs > OLD_AFTER_MS;
  document.body.classList.toggle('old', old && !held);
  if (answeredAt === undefined) return say(age, keyKept() === null ? '' : 'Asking …');
  const seconds = Math.round(agedMs / 1_000);
  const kind = held ? 'Held still' : old ? 'OLD' : 'Now';
  say(age, `${kind}: as of ${clock(answeredAt, serverNow())}${seconds < 2 ? '' : `, ${seconds} s ago`}`);
}

form.addEventListener('submit', (event) => {
  event.preventDefault();
  sessionStorage.setItem(KEPT_AS, field.value.trim());
  field.value = '';
  say(trouble, '');
  look();
});
byId('forget', HTMLButtonElement).addEventListener('click', () => {
  askForKey('');
  location.reload();
});
hold.addEventListener('click', () => {
  holdStill(!state.held);
  look();
});
byId('level-window', HTMLFieldSetElement).addEventListener('change', () => level.start(!state.held));
byId('course-window', HTMLFieldSetElement).addEventListener('change', () => past.start(!state.held));
byId('course-modality', HTMLFieldSetElement).addEventListener('change', drawPast);
document.addEventListener('visibilitychange', () => {
  // A key that is being typed stays, and why another is asked for.
  if (keyKept() !== null) look();
});
new ResizeObserver(drawPast).observe(byId('course', HTMLDivElement));
window.setInterval(tellAge, 1_000);
look();
