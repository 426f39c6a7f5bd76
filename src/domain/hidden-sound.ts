import { redact, type PiiType, type Span } from './redaction.ts';
import { plainText } from './redaction-plain-text.ts';
import { spokenDigitRuns } from './spoken-digits.ts';
import type { Passage, SpokenWord } from './transcript.ts';
import type { TimeSpan } from './wav.ts';

/** A stretch that is silent in the redacted copy, and what was said there. `unheard`: no transcript vouches for it. */
export interface HiddenTime extends TimeSpan {
  readonly type: PiiType | 'unheard';
}

/** What a speech model heard, in milliseconds of the recording. */
export interface Heard {
  readonly passages: readonly Passage[];
  readonly words: readonly SpokenWord[] | undefined;
}

/**
 * When the values that redaction removes from a transcript were said. Words tell it where the model gave them and they
 * are, letter by letter, the transcript's; else the whole passage is taken.
 */
export function hiddenTimes({ passages, words }: Heard): HiddenTime[] {
  const text = passages.map((passage) => passage.text).join('\n');
  const placed = placedPassages(passages);
  const spoken = words === undefined ? undefined : placedWords(text, words);
  const { spans } = redact(text);
  const more = longNumbers(text).filter(
    ({ start, end }) => !spans.some((span) => span.start <= start && span.end >= end),
  );
  return [...spans, ...more].flatMap(({ type, ...span }) => {
    const said = touched(spoken ?? [], span);
    const times = said.length > 0 ? said : touched(placed, span);
    return times.length === 0 ? [] : [{ type, ...around(times) }];
  });
}

/**
 * Fewest digits that are silent whatever they are. A speech model that drops one of four equal digits leaves no card
 * number to be recognised, and a listener still hears it.
 */
const LONG_NUMBER = 12;

function longNumbers(text: string): Span[] {
  const plain = plainText(text);
  return spokenDigitRuns(plain.text)
    .filter(({ digits }) => digits.length >= LONG_NUMBER)
    .map(({ starts, ends }) => ({
      start: plain.starts[starts[0]!]!,
      end: plain.ends[ends.at(-1)! - 1]!,
      type: 'card',
    }));
}

interface Placed extends TimeSpan {
  /** In UTF-16 units of the joined text. */
  readonly start: number;
  readonly end: number;
}

function touched(placed: readonly Placed[], span: Pick<Span, 'start' | 'end'>): Placed[] {
  return placed.filter(({ start, end }) => start < span.end && end > span.start);
}

function around(times: readonly TimeSpan[]): TimeSpan {
  return {
    startMs: Math.min(...times.map(({ startMs }) => startMs)),
    endMs: Math.max(...times.map(({ endMs }) => endMs)),
  };
}

function placedPassages(passages: readonly Passage[]): Placed[] {
  let from = 0;
  return passages.flatMap(({ text, place }) => {
    const start = from;
    from += text.length + 1;
    if (place.kind !== 'time') return [];
    return [{ start, end: start + text.length, startMs: place.startMs, endMs: place.endMs }];
  });
}

/** Where each word stands in the text; undefined when words and text are not the same letters in the same order. */
function placedWords(text: string, words: readonly SpokenWord[]): Placed[] | undefined {
  const letters = lettersOf(text);
  const placed: Placed[] = [];
  let next = 0;
  for (const word of words) {
    const first = next;
    for (const { letter } of lettersOf(word.text)) {
      if (letters[next]?.letter !== letter) return undefined;
      next += 1;
    }
    if (next === first) continue;
    const [start, end] = [letters[first]!.index, letters[next - 1]!.index + 1];
    placed.push({ start, end, startMs: word.startMs, endMs: word.endMs });
  }
  return next === letters.length ? placed : undefined;
}

/** Models set punctuation and case apart from words in ways of their own. */
function lettersOf(text: string): { letter: string; index: number }[] {
  return [...text.matchAll(/[\p{L}\p{N}]/gu)].map(({ 0: letter, index }) => ({ letter: letter.toLowerCase(), index }));
}

/** What of a recording none of the given stretches covers. */
export function uncovered(durationMs: number, covered: readonly TimeSpan[]): HiddenTime[] {
  const gaps: HiddenTime[] = [];
  let reached = 0;
  for (const { startMs, endMs } of covered.toSorted((a, b) => a.startMs - b.startMs)) {
    if (startMs > reached) gaps.push({ type: 'unheard', startMs: reached, endMs: startMs });
    reached = Math.max(reached, endMs);
  }
  if (reached < durationMs) gaps.push({ type: 'unheard', startMs: reached, endMs: durationMs });
  return gaps;
}

/** Each stretch with a margin on both sides, within the recording, sorted, those that are the same once. */
export function withMargin(times: readonly HiddenTime[], marginMs: number, durationMs: number): HiddenTime[] {
  const widened = times.map((time) => ({
    type: time.type,
    startMs: Math.max(0, Math.round(time.startMs - (time.type === 'unheard' ? 0 : marginMs))),
    endMs: Math.min(Math.ceil(durationMs), Math.round(time.endMs + (time.type === 'unheard' ? 0 : marginMs))),
  }));
  const once = new Map(widened.map((time) => [JSON.stringify(time), time]));
  return [...once.values()].filter(({ startMs, endMs }) => endMs > startMs).toSorted((a, b) => a.startMs - b.startMs);
}
