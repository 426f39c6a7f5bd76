import { givenNameIn, isCapitalised, mayBeName } from './redaction-lexicon.ts';
import { lastOfName, type Prose } from './redaction-prose.ts';
import type { Span } from './redaction-span.ts';

type Certainty =
  /** Whatever follows is a name unless its part of speech says otherwise: "my name is". */
  | 'any case'
  /** The same, if it is capitalised: "Dear", "Mr". */
  | 'capitalised'
  /** A form's label: two capitalised words, or a known name. */
  | 'label'
  /** Words that other things follow too: a known name, in any case. */
  | 'known';

const INTRODUCTIONS: readonly { pattern: RegExp; certainty: Certainty }[] = [
  { pattern: /\b(?:(?:my|his|her) name's|name is|mr|mrs|mister)\.?\s+/gi, certainty: 'any case' },
  {
    pattern:
      /\b(?:dear|ms|dr|miss|prof|regards|sincerely|cheers|signed in as|assigned to|welcome back|speaking (?:with|to))\b[.,:]?\s+/gi,
    certainty: 'capitalised',
  },
  {
    pattern: /\b(?:name|customer|agent|recipient|cardholder|ship to|bill to|address|account holder|from|to)\b:?\s+/gi,
    certainty: 'label',
  },
  {
    pattern:
      /\b(?:this is|i'm|im|i am|it's|here is|is this|hello|hi|hey|thanks|thank you|good (?:morning|afternoon|evening)|speaking (?:with|to)|ask)\b,?\s+/gi,
    certainty: 'known',
  },
];

const TITLE = /^(?:mrs?|ms|dr|prof)$/i;
const SPEAKS = /^(?:speaking|calling|here|from)$/i;

/** Names after what introduces, greets, signs or labels them. */
export function introducedNames(prose: Prose): Span[] {
  const byStart = new Map(prose.words.map((word, index) => [word.start, index]));
  return INTRODUCTIONS.flatMap(({ pattern, certainty }) =>
    [...prose.text.matchAll(pattern)].flatMap((match): Span[] => {
      const word = byStart.get(match.index + match[0].length);
      return word === undefined ? [] : nameAt(prose, word, certainty);
    }),
  );
}

function nameAt(prose: Prose, index: number, certainty: Certainty): Span[] {
  const { words } = prose;
  const first = TITLE.test(words[index]!.text) ? index + 1 : index;
  if (first === words.length) return [];
  const anyCase = certainty === 'any case' && !isCapitalised(words[first]!.text);
  const last = lastOfName(prose, first, anyCase);
  if (!isName(prose, first, last, certainty)) return [];
  return [{ start: words[first]!.start, end: words[last]!.end, type: 'name' }];
}

function isName({ words, known }: Prose, first: number, last: number, certainty: Certainty): boolean {
  const word = words[first]!.text;
  const given = givenNameIn(word);
  switch (certainty) {
    case 'any case':
      return mayBeName(word, known);
    case 'capitalised':
      return isCapitalised(word) && mayBeName(word, known);
    case 'label':
      return isCapitalised(word) && (given !== 'none' || (last > first && mayBeName(word, known)));
    case 'known':
      return given === 'certain' || (given === 'ambiguous' && SPEAKS.test(words[first + 1]?.text ?? ''));
  }
}
