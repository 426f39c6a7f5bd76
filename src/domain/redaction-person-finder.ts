import nlp from 'compromise/two';
import type { Word } from './redaction-prose.ts';

/** The tagger's time grows faster than its text; a sentence seldom needs more. */
const WINDOW = 400;

/**
 * Asks compromise, window by window and only where needed, whether a word that is also an ordinary one is a person
 * here.
 */
export function personFinder(text: string): (word: Word) => boolean {
  const windows = new Map<number, Set<number>>();
  return ({ start }) => {
    const index = Math.floor(start / WINDOW);
    let people = windows.get(index);
    if (people === undefined) {
      people = peopleIn(text.slice(index * WINDOW, (index + 1) * WINDOW), index * WINDOW);
      windows.set(index, people);
    }
    return people.has(start);
  };
}

function peopleIn(window: string, offset: number): Set<number> {
  const sentences = nlp(window).json({ offset: true, terms: { offset: true } }) as {
    terms: { tags: string[]; offset: { start: number } }[];
  }[];
  return new Set(
    sentences.flatMap(({ terms }) =>
      terms.filter(({ tags }) => tags.includes('Person')).map((term) => offset + term.offset.start),
    ),
  );
}
