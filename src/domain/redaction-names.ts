import { introducedNames } from './redaction-introductions.ts';
import { givenNameIn, isCapitalised, isSurname, mayBeName } from './redaction-lexicon.ts';
import { personFinder } from './redaction-person-finder.ts';
import { lastOfName, proseOf, type Prose, type Word } from './redaction-prose.ts';
import type { Span } from './redaction-span.ts';

/** People: who introduces, greets or signs, and any name that compromise knows where it is written like one. */
export function names(text: string): Span[] {
  const prose = proseOf(text);
  return [...introducedNames(prose), ...writtenNames(prose)];
}

function writtenNames(prose: Prose): Span[] {
  const { text, words } = prose;
  const spans: Span[] = [];
  const isPerson = personFinder(text);
  for (let first = 0; first < words.length; first++) {
    if (!isCapitalised(words[first]!.text) && !speaks(words[first + 1])) continue;
    const last = lastOfName(prose, first, false);
    if (!isWrittenName(prose, first, last, isPerson)) continue;
    spans.push({ start: words[first]!.start, end: words[last]!.end, type: 'name' });
    first = last;
  }
  return spans;
}

/** What follows a verb: "Mark the ticket". */
const ORDERED = /^(?:the|a|an|it|this|that|these|those|my|me|us|all|as)$/i;

function isWrittenName(
  { words, known }: Prose,
  first: number,
  last: number,
  isPerson: (word: Word) => boolean,
): boolean {
  const word = words[first]!;
  const next = words[first + 1];
  const given = givenNameIn(word.text);
  const isShouted = word.text.length > 1 && word.text === word.text.toUpperCase();
  if (given === 'certain') return !isShouted || last > first || speaks(next);
  if (given === 'ambiguous' && !isShouted && !ORDERED.test(next?.text ?? '') && isPerson(word)) return true;
  return last > first && isBesideKnownName(words.slice(first, last + 1)) && mayBeName(word.text, known);
}

/** A word of any kind before a surname, or a surname before a given name. */
function isBesideKnownName(name: readonly Word[]): boolean {
  const [first, second, last] = [name[0]!, name[1]!, name.at(-1)!];
  return isSurname(first.text) ? givenNameIn(second.text) === 'certain' : isSurname(last.text);
}

function speaks(word: Word | undefined): boolean {
  return /^(?:speaking|here)$/i.test(word?.text ?? '');
}
