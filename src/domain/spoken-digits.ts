/** A run of digits as written or as said, with where each stands in the text. */
export interface DigitRun {
  readonly digits: string;
  readonly starts: readonly number[];
  readonly ends: readonly number[];
}

const WORDS: Readonly<Record<string, string>> = {
  zero: '0',
  oh: '0',
  one: '1',
  two: '2',
  three: '3',
  four: '4',
  five: '5',
  six: '6',
  seven: '7',
  eight: '8',
  nine: '9',
};

/** A figure in any script, a digit word, or "double"/"triple" before one. */
const TOKEN = /\p{Nd}|\b(?:zero|oh|one|two|three|four|five|six|seven|eight|nine|double|triple)\b/giu;

/** Between two digits of one number: nothing, spaces, dashes, dots, commas, invisible characters; never a letter. */
const BETWEEN = /^[\s\p{Pd}.,\p{Cf}\u00b7_/]{0,4}$/u;

/** All maximal runs of digits, with the separators that people, forms and speech models put between them. */
export function spokenDigitRuns(text: string): DigitRun[] {
  const runs: { digits: string; starts: number[]; ends: number[] }[] = [];
  let previousEnd = -1;
  let times = 1;
  for (const match of text.matchAll(TOKEN)) {
    const word = match[0].toLowerCase();
    const joined = previousEnd >= 0 && BETWEEN.test(text.slice(previousEnd, match.index));
    if (!joined) times = 1;
    const end = match.index + match[0].length;
    previousEnd = end;
    if (!joined || runs.length === 0) runs.push({ digits: '', starts: [], ends: [] });
    if (word === 'double' || word === 'triple') {
      times = word === 'double' ? 2 : 3;
      continue;
    }
    const run = runs.at(-1)!;
    for (let copy = 0; copy < times; copy++) {
      run.digits += WORDS[word] ?? digitValue(word);
      run.starts.push(match.index);
      run.ends.push(end);
    }
    times = 1;
  }
  return runs.filter(({ digits }) => digits !== '');
}

/** Unicode digits stand in blocks of ten that begin at a multiple of ten from each script's zero. */
function digitValue(character: string): string {
  const normal = character.normalize('NFKC');
  if (/^[0-9]$/.test(normal)) return normal;
  const code = character.codePointAt(0) ?? 0;
  let zero = code;
  while (code - zero < 9 && /\p{Nd}/u.test(String.fromCodePoint(zero - 1))) zero -= 1;
  return String(code - zero);
}
