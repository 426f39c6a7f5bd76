/** A run of digits as written or as said, with where each stands in the text. */
export interface DigitRun {
  readonly digits: string;
  readonly starts: readonly number[];
  readonly ends: readonly number[];
  /** Whether any of it was said in words. */
  readonly spelled: boolean;
}

const UNITS = ['zero', 'one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight', 'nine'];
const TEENS = 'ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen'.split(' ');
const TENS = 'twenty thirty forty fifty sixty seventy eighty ninety'.split(' ');

/** What each word adds to the digits. */
const WORDS = new Map<string, string>([
  ['oh', '0'],
  ['o', '0'],
  ['hundred', '00'],
  ...UNITS.map((word, value): [string, string] => [word, String(value)]),
  ...TEENS.map((word, value): [string, string] => [word, String(10 + value)]),
  ...TENS.map((word, value): [string, string] => [word, String(20 + 10 * value)]),
]);
const TIMES = new Map([
  ['double', 2],
  ['triple', 3],
]);
const TOKEN = new RegExp(String.raw`\d|\b(?:${[...WORDS.keys(), ...TIMES.keys()].join('|')})\b`, 'gi');

/**
 * Between two digits of one number: nothing, spaces, dashes, dots, commas, and what people say while they read it out.
 * Longer gaps would join numbers of different sentences.
 */
const BETWEEN = /^[\s.,\u00b7_-]{0,4}(?:\b(?:uh|um|er|and|then|dash|hyphen|space)\b[\s.,-]{0,3}){0,2}$/i;
const LONGEST_GAP = 16;

interface Token {
  readonly word: string;
  readonly start: number;
  readonly end: number;
}

interface GrowingRun {
  digits: string;
  readonly starts: number[];
  readonly ends: number[];
  spelled: boolean;
}

/**
 * All maximal runs of digits in plain text (see plainText), with the separators that people and forms put between them.
 */
export function spokenDigitRuns(text: string): DigitRun[] {
  const runs: GrowingRun[] = [];
  let previousEnd = -1;
  let previous: Token | undefined;
  for (const match of text.matchAll(TOKEN)) {
    const word = match[0].toLowerCase();
    const gap = text.slice(previousEnd, Math.min(match.index, previousEnd + LONGEST_GAP + 1));
    const joined = previousEnd >= 0 && gap.length <= LONGEST_GAP && BETWEEN.test(gap);
    if (!joined) runs.push({ digits: '', starts: [], ends: [], spelled: false });
    const end = match.index + match[0].length;
    const token = { word, start: match.index, end };
    say(runs.at(-1)!, token, joined ? previous : undefined, gap);
    previousEnd = end;
    previous = token;
  }
  return runs.filter(({ digits }) => digits !== '');
}

/** "forty five" is 45, "double four" is 44, "nine hundred" is 900. */
function say(run: GrowingRun, { word, start, end }: Token, previous: Token | undefined, gap: string): void {
  if (TIMES.has(word)) return;
  if (previous !== undefined && TENS.includes(previous.word) && UNITS.indexOf(word) > 0 && /^[ -]$/.test(gap)) {
    run.digits = run.digits.slice(0, -1) + WORDS.get(word)!;
    run.ends[run.ends.length - 1] = end;
    return;
  }
  const times = TIMES.get(previous?.word ?? '');
  const said = (WORDS.get(word) ?? word).repeat(times ?? 1);
  run.spelled ||= WORDS.has(word);
  run.digits += said;
  for (let copy = 0; copy < said.length; copy++) {
    run.starts.push(times === undefined ? start : previous!.start);
    run.ends.push(end);
  }
}

/** Whether a group of figures or a word begins at this digit: `4111 1111` has two such places. */
export function beginsGroup(run: DigitRun, index: number): boolean {
  return index === 0 || index >= run.digits.length || run.starts[index]! > run.ends[index - 1]!;
}

/** The groups that the run is written in. */
export function digitGroups(run: DigitRun, first: number, count: number): string[] {
  const groups: string[] = [];
  for (let index = first; index < first + count; index++) {
    if (index === first || beginsGroup(run, index)) groups.push('');
    groups[groups.length - 1] += run.digits[index]!;
  }
  return groups;
}

/** A pager or someone who counts: `1 2 3 4 5`. */
export function isCounting(groups: readonly string[]): boolean {
  return (
    groups.length > 3 && groups.every((group, index) => index === 0 || Number(group) === Number(groups[index - 1]) + 1)
  );
}
