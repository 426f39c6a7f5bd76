import validator from 'validator';
import type { Span } from './redaction-span.ts';

const DIGIT_WORDS = 'zero one two three four five six seven eight nine'.split(' ');
const LONGEST_IBAN = 34;

/** IBANs by length and check digits, also spelled: "d e eight nine". */
export function ibans(text: string): Span[] {
  const spans: Span[] = [];
  const words = [...text.matchAll(/[a-z0-9]+/gi)].map((match) => ibanWord(match[0], match.index));
  for (let first = 0; first < words.length; first++) {
    const last = ibanFrom(text, words, first);
    if (last === undefined) continue;
    spans.push({ start: words[first]!.start, end: words[last]!.end, type: 'iban' });
    first = last;
  }
  return spans;
}

interface Word {
  readonly text: string;
  readonly start: number;
  readonly end: number;
}

/** Digit words count as figures, and a form's label may stick to the number. */
function ibanWord(word: string, index: number): Word {
  const label = /^iban(?=[a-z]{2}\d\d)/i.exec(word)?.[0].length ?? 0;
  const spoken = DIGIT_WORDS.indexOf(word.toLowerCase());
  const text = spoken >= 0 ? String(spoken) : word.slice(label).toUpperCase();
  return { text, start: index + label, end: index + word.length };
}

/** The last word of the longest IBAN that begins with this word. */
function ibanFrom(text: string, words: readonly Word[], first: number): number | undefined {
  if (!/^(?:[A-Z]|[A-Z]{2}(?:\d\d.*)?)$/.test(words[first]!.text)) return undefined;
  let candidate = '';
  let last: number | undefined;
  for (let index = first; index < words.length; index++) {
    const word = words[index]!;
    if (index > first && !/^[\s,.-]{1,3}$/.test(text.slice(words[index - 1]!.end, word.start))) break;
    candidate += word.text;
    if (candidate.length > LONGEST_IBAN || !/^[A-Z]{1,2}$|^[A-Z]{2}\d/.test(candidate)) break;
    if (candidate.length >= 15 && validator.isIBAN(candidate)) last = index;
  }
  return last;
}
