import { isCapitalised, isSurname, mayBeName } from './redaction-lexicon.ts';

/** A word in a text, with its place in UTF-16 units. */
export interface Word {
  readonly text: string;
  readonly start: number;
  readonly end: number;
}

/** A text and its words, with what is known of them so far (see mayBeName). */
export interface Prose {
  readonly text: string;
  readonly words: readonly Word[];
  readonly known: Map<string, boolean>;
}

/** Takes a text apart into words, without the genitive's s and without the letters of an id like INV-2026. */
export function proseOf(text: string): Prose {
  const words = [...text.matchAll(/(?<!\p{L})\p{L}+(?:['-]\p{L}+)*(?!\p{L}|-\p{N})/gu)].map(({ 0: written, index }) => {
    const word = written.replace(/'s$/i, '');
    return { text: word, start: index, end: index + word.length };
  });
  return { text, words, known: new Map() };
}

/** Given name, middle name and surname. */
const MOST_WORDS = 3;

/**
 * The last word of the name that begins at this word: it goes on over words that may be names and are capitalised too.
 * @param anyCase words in lower case belong to it as well
 */
export function lastOfName({ text, words, known }: Prose, first: number, anyCase: boolean): number {
  const beginsSmall = !isCapitalised(words[first]!.text);
  let last = first;
  while (last + 1 < Math.min(words.length, first + MOST_WORDS)) {
    const [previous, next] = [words[last]!, words[last + 1]!];
    const fits = anyCase || isCapitalised(next.text) || (beginsSmall && isSurname(next.text));
    if (!fits || !isJoined(text, previous, next) || !mayBeName(next.text, known)) break;
    last += 1;
  }
  return last;
}

/** By a space, or by the full stop of an initial. */
function isJoined(text: string, previous: Word, next: Word): boolean {
  const gap = text.slice(previous.end, next.start);
  return gap === ' ' || (gap === '. ' && previous.text.length === 1);
}
