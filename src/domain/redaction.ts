import nlp from 'compromise';
import { findPhoneNumbersInText } from 'libphonenumber-js/max';
import validator from 'validator';
import { spokenDigitRuns } from './spoken-digits.ts';

/** Changes whenever the same text would be redacted differently. */
export const REDACTOR_VERSION = 'compromise-libphonenumber-validator-1';

export type PiiType = 'card' | 'email' | 'phone' | 'iban' | 'national_id' | 'name';

/** Where a value stood in the text before redaction, in UTF-16 units. */
export interface Span {
  readonly start: number;
  readonly end: number;
  readonly type: PiiType;
}

export interface Redaction {
  readonly text: string;
  readonly spans: readonly Span[];
  readonly counts: Readonly<Partial<Record<PiiType, number>>>;
}

/**
 * Replaces personal data in a text by its type in brackets: `[CARD]`, `[EMAIL]`, `[PHONE]`, `[IBAN]`, `[NATIONAL_ID]`,
 * `[NAME]`. Candidates are found by shape and decided by libraries: card numbers by Luhn, IBANs by their check digits,
 * phone numbers by numbering plans, names by a part-of-speech tagger. Pure and linear in the length of the text.
 */
export function redact(text: string): Redaction {
  const spans = withoutOverlaps([
    ...emails(text),
    ...ibans(text),
    ...cards(text),
    ...nationalIds(text),
    ...phones(text),
    ...names(text),
  ]);
  const counts: Partial<Record<PiiType, number>> = {};
  let redacted = '';
  let position = 0;
  for (const { start, end, type } of spans) {
    redacted += `${text.slice(position, start)}[${type.toUpperCase()}]`;
    position = end;
    counts[type] = (counts[type] ?? 0) + 1;
  }
  return { text: redacted + text.slice(position), spans, counts };
}

/** Keeps the first of overlapping spans in the order given, which is the order of certainty; sorted by place. */
function withoutOverlaps(candidates: readonly Span[]): Span[] {
  const kept: Span[] = [];
  for (const span of candidates) {
    if (!kept.some(({ start, end }) => span.start < end && start < span.end)) kept.push(span);
  }
  return kept.sort((a, b) => a.start - b.start);
}

function matches(text: string, pattern: RegExp, type: PiiType, decide: (match: string) => boolean): Span[] {
  return [...text.matchAll(pattern)]
    .filter(([match]) => decide(match))
    .map((match) => ({ start: match.index, end: match.index + match[0].length, type }));
}

/** Bounded runs on either side of the @ keep the search linear. Spoken: "jane dot doe at example dot com". */
function emails(text: string): Span[] {
  const spoken = /\b\w{1,40}(?: (?:dot|underscore|dash) \w{1,40}){0,4} at \w{1,40}(?: dot \w{2,20}){1,3}\b/gi;
  return [
    ...matches(
      text,
      /[\p{L}\p{N}._%+-]{1,64}\s?@\s?[\p{L}\p{N}-]{1,63}(?:\.[\p{L}\p{N}-]{1,63}){1,5}/gu,
      'email',
      (match) => validator.isEmail(match.replace(/\s/g, '').replace(/\.$/, '')),
    ),
    ...matches(text, spoken, 'email', (match) => / dot /i.test(match.slice(match.toLowerCase().indexOf(' at ')))),
  ];
}

function ibans(text: string): Span[] {
  const spans: Span[] = [];
  for (const match of text.matchAll(/\b[A-Z]{2}\d{2}(?:[ \u00a0-]?[A-Z0-9]){11,30}\b/gi)) {
    const length = validIbanLength(match[0]);
    if (length !== undefined) spans.push({ start: match.index, end: match.index + length, type: 'iban' });
  }
  return spans;
}

/** The longest beginning that is an IBAN: words that follow it match its letters too. */
function validIbanLength(candidate: string): number | undefined {
  for (let length = candidate.length; length >= 15; length--) {
    const shorter = candidate.slice(0, length);
    if (/\w$/.test(shorter) && validator.isIBAN(shorter.replace(/[ \u00a0-]/g, '').toUpperCase())) return length;
  }
  return undefined;
}

/** Digits, as figures or as words, with what people, forms and speech models put between them. */
function cards(text: string): Span[] {
  return spokenDigitRuns(text).flatMap((run): Span[] => {
    for (let first = 0; first + 13 <= run.digits.length; first++) {
      // A number begins where a group of figures does: order numbers hold card numbers by chance.
      if (first > 0 && run.starts[first] === run.ends[first - 1]) continue;
      for (let count = Math.min(19, run.digits.length - first); count >= 13; count--) {
        const digits = run.digits.slice(first, first + count);
        if (!/^[2-6]/.test(digits) || !validator.isLuhnNumber(digits)) continue;
        return [{ start: run.starts[first]!, end: run.ends[first + count - 1]!, type: 'card' }];
      }
    }
    return [];
  });
}

/** National ids whose shape or check digits tell them from order numbers: US SSN, UK NINO, German tax id after its name. */
function nationalIds(text: string): Span[] {
  return [
    ...matches(text, /\b(?!000|666|9\d\d)\d{3}[- ](?!00)\d{2}[- ](?!0000)\d{4}\b/g, 'national_id', () => true),
    ...matches(
      text,
      /\b[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z] ?\d{2} ?\d{2} ?\d{2} ?[A-D]\b/gi,
      'national_id',
      (match) => validator.isIdentityCard(match, 'any') || !/^(?:BG|GB|KN|NK|NT|TN|ZZ)/i.test(match),
    ),
    ...matches(text, /\b\d{2} ?\d{3} ?\d{3} ?\d{3}\b/g, 'national_id', (match) =>
      validator.isTaxID(match.replace(/ /g, ''), 'de-DE'),
    ),
    ...matches(text, /\b\d{8}[A-Z]\b/g, 'national_id', (match) => validator.isIdentityCard(match, 'ES')),
  ];
}

/** Windows keep the search linear on adversarial text; they overlap by more than the longest number. */
const WINDOW = 2_000;
const OVERLAP = 100;

function phones(text: string): Span[] {
  const spans: Span[] = [];
  for (let start = 0; start < text.length; start += WINDOW - OVERLAP) {
    for (const { startsAt, endsAt } of findPhoneNumbersInText(text.slice(start, start + WINDOW), 'US')) {
      spans.push({ start: start + startsAt, end: start + endsAt, type: 'phone' });
    }
  }
  return spans;
}

const INTRODUCTION =
  /\b(?:my name is|my name's|name is|this is|i am|i'm|speaking with|speaking to|here is|dear|regards,|mr\.?|mrs\.?|ms\.?|dr\.?)\s+((?:[A-Z][\p{L}'’-]{1,30})(?:\s+[A-Z][\p{L}'’-]{1,30}){0,2})/giu;

/** Words that the tagger or a greeting takes for names and that are none. */
const NOT_NAMES = new Set(
  (
    'apple amazon google paypal visa mastercard american express support team customer agent sir madam all checkout payment ' +
    'chrome safari windows android iphone monday tuesday wednesday thursday friday saturday sunday january february march ' +
    'april may june july august september october november december hi hello hey thanks thank'
  ).split(' '),
);

function names(text: string): Span[] {
  const spans: Span[] = [];
  for (const match of text.matchAll(INTRODUCTION)) {
    const name = match[1] ?? '';
    const capitalised = name.split(/\s+/).filter((word) => /^\p{Lu}/u.test(word) && !isCommonWord(word));
    if (capitalised.length === 0 || !name.startsWith(capitalised[0]!)) continue;
    const end = match.index + match[0].length;
    const start = end - name.length;
    const kept = leadingName(name);
    if (kept !== '') spans.push({ start, end: start + kept.length, type: 'name' });
  }
  return [...spans, ...taggedPeople(text)];
}

/** As many words as begin with a capital and are no common word. */
function leadingName(name: string): string {
  let kept = '';
  for (const part of name.match(/\S+\s*/g) ?? []) {
    if (!/^\p{Lu}/u.test(part) || isCommonWord(part.trim())) break;
    kept += part;
  }
  return kept.trimEnd();
}

function isCommonWord(word: string): boolean {
  return NOT_NAMES.has(word.toLowerCase()) || word === word.toUpperCase();
}

/** What the tagger of compromise calls a person: first and last names from its lexicon, in context. */
function taggedPeople(text: string): Span[] {
  const spans: Span[] = [];
  for (let start = 0; start < text.length; start += WINDOW) {
    const window = text.slice(start, start + WINDOW);
    const people = nlp(window)
      .people()
      .json({ offset: true, terms: { offset: true } }) as {
      terms: { text: string; tags: string[]; offset: { start: number; length: number } }[];
    }[];
    for (const { terms } of people) {
      const named = terms.filter(
        ({ text: word, tags }) =>
          tags.some((tag) => tag === 'FirstName' || tag === 'LastName' || tag === 'Person') &&
          !tags.includes('Pronoun') &&
          !NOT_NAMES.has(word.toLowerCase()) &&
          !/[\d[\]@]/.test(word) &&
          (/^\p{Lu}/u.test(word) || terms.length > 1),
      );
      const first = named[0]?.offset;
      const last = named.at(-1)?.offset;
      if (first === undefined || last === undefined) continue;
      spans.push({ start: start + first.start, end: start + last.start + last.length, type: 'name' });
    }
  }
  return spans.filter(({ start, end }) => end > start);
}
