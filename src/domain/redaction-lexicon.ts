import nlp from 'compromise/two';

/** The words that compromise knows, with the tag it gives them first. */
const LEXICON = (nlp.model() as { one: { lexicon: Record<string, string | string[]> } }).one.lexicon;

/** Names in the lexicon that in support are months, products, greetings or greeted groups. */
const NOT_NAMES = new Set(
  (
    'apple amazon google paypal visa mastercard american express support team customer agent sir madam all everyone checkout payment ' +
    'chrome safari windows android iphone alexa siri cortana tesla chase april may june august hi hello hey thanks thank there ' +
    'sign log account order number email card phone name address status page edit profile god not happy done ' +
    'is on i my mine'
  ).split(' '),
);

/**
 * Of a name with a hyphen, like Jean-Luc, the last part decides. `ambiguous`: also an ordinary word, like mark or
 * grant, which compromise marks as a name of no gender.
 */
export function givenNameIn(word: string): 'certain' | 'ambiguous' | 'none' {
  if (NOT_NAMES.has(word.toLowerCase())) return 'none';
  const parts = word.split('-');
  const tag = tagOf(parts.every(isCapitalised) ? parts.at(-1)! : word);
  if (tag === 'MaleName' || tag === 'FemaleName') return 'certain';
  return tag === 'FirstName' ? 'ambiguous' : 'none';
}

export function isSurname(word: string): boolean {
  return !NOT_NAMES.has(word.toLowerCase()) && tagOf(word) === 'LastName';
}

export function isCapitalised(word: string): boolean {
  return /^\p{Lu}/u.test(word);
}

/** The lexicon has no accents. */
function tagOf(word: string): string | undefined {
  const key = word.toLowerCase().normalize('NFKD').replace(/\p{M}/gu, '');
  const tag = Object.hasOwn(LEXICON, key) ? LEXICON[key] : undefined;
  return Array.isArray(tag) ? tag[0] : tag;
}

const OTHER_SPEECH = new Set(
  (
    'Verb Adverb Preposition Conjunction Determiner Pronoun Negative QuestionWord Organization Value Date Month WeekDay ' +
    'Copula Modal Expression Place City Country'
  ).split(' '),
);

/**
 * Whether a word beside an introduction or another name may be a name: compromise's tagger takes it for nothing else.
 * @param known answers so far: tagging a word costs a tenth of a millisecond
 */
export function mayBeName(word: string, known: Map<string, boolean>): boolean {
  const before = known.get(word);
  if (before !== undefined) return before;
  const isName = givenNameIn(word) !== 'none' || isSurname(word);
  const answer = !NOT_NAMES.has(word.toLowerCase()) && (isName || !isOtherSpeech(word));
  known.set(word, answer);
  return answer;
}

function isOtherSpeech(word: string): boolean {
  const [sentence] = nlp(word.toLowerCase()).json() as { terms: { tags: string[] }[] }[];
  // Young and Long are surnames where they are capitalised.
  const isOther = (tag: string) => OTHER_SPEECH.has(tag) || (tag === 'Adjective' && !isCapitalised(word));
  return sentence?.terms.some(({ tags }) => tags.some(isOther)) ?? true;
}
