import { cards } from './redaction-cards.ts';
import { emails } from './redaction-emails.ts';
import { ibans } from './redaction-ibans.ts';
import { names } from './redaction-names.ts';
import { nationalIds } from './redaction-national-ids.ts';
import { phones } from './redaction-phones.ts';
import { plainText } from './redaction-plain-text.ts';
import type { PiiType, Span } from './redaction-span.ts';
import { spokenDigitRuns } from './spoken-digits.ts';

export type { PiiType, Span } from './redaction-span.ts';

/** Changes whenever the same text would be redacted differently. */
export const REDACTOR_VERSION = 'compromise-libphonenumber-validator-3';

export interface Redaction {
  readonly text: string;
  /** In the text before redaction, by place, never overlapping. */
  readonly spans: readonly Span[];
  /** How many values of each type were removed. */
  readonly counts: Readonly<Partial<Record<PiiType, number>>>;
}

/**
 * Replaces personal data in a text by its type in brackets: `[CARD]`, `[EMAIL]`, `[PHONE]`, `[IBAN]`, `[NATIONAL_ID]`,
 * `[NAME]`. Candidates are found by shape and decided by libraries: card numbers by brand and Luhn, IBANs by their check
 * digits, phone numbers by numbering plans, names by a lexicon and a part-of-speech tagger. Pure, never throws, linear
 * in the length of the text; running it again on its result changes nothing.
 */
export function redact(text: string): Redaction {
  let spans: Span[] = [];
  let redacted = text;
  for (let round = 0; round < MOST_ROUNDS; round++) {
    const more = findSpans(redacted);
    if (more.length === 0) break;
    spans = merged([...spans, ...more.map((span) => inOriginal(span, spans))]);
    redacted = withLabels(text, spans);
  }
  const counts: Partial<Record<PiiType, number>> = {};
  for (const { type } of spans) counts[type] = (counts[type] ?? 0) + 1;
  return { text: redacted, spans, counts };
}

/**
 * A label beside a word can change what the word is taken for, so the result is searched again; the second round seldom
 * finds anything.
 */
const MOST_ROUNDS = 8;

const LABEL = /\[(?:CARD|EMAIL|PHONE|IBAN|NATIONAL_ID|NAME)\]/g;

/** Values in a text that may hold labels already: no value touches a label. */
function findSpans(original: string): Span[] {
  const { text, starts, ends } = plainText(original);
  const runs = spokenDigitRuns(text);
  const labels = [...text.matchAll(LABEL)].map(({ 0: label, index }) => ({ start: index, end: index + label.length }));
  const spans = [
    ...emails(text),
    ...ibans(text),
    ...cards(text, runs),
    ...nationalIds(text, runs),
    ...phones(text, runs),
    ...names(text),
  ];
  return merged(outside(labels, spans)).map(({ start, end, type }) => ({
    start: starts[start]!,
    end: ends[end - 1]!,
    type,
  }));
}

interface Place {
  readonly start: number;
  readonly end: number;
}

/** Spans that overlap none of the labels, which are sorted. */
function outside(labels: readonly Place[], spans: readonly Span[]): Span[] {
  if (labels.length === 0) return [...spans];
  const sorted = spans.toSorted((a, b) => a.start - b.start);
  let label = 0;
  return sorted.filter((span) => {
    while (label < labels.length && labels[label]!.end <= span.start) label += 1;
    return label === labels.length || labels[label]!.start >= span.end;
  });
}

/** From the most to the least certain. */
const CERTAINTY: readonly PiiType[] = ['email', 'iban', 'card', 'national_id', 'phone', 'name'];

/**
 * Overlapping spans become one of the most certain type, so that no rest of a value remains beside a label; sorted by
 * place.
 */
function merged(spans: readonly Span[]): Span[] {
  const result: Span[] = [];
  for (const span of spans.toSorted((a, b) => a.start - b.start || b.end - a.end)) {
    const last = result.at(-1);
    if (last === undefined || span.start >= last.end) {
      result.push(span);
      continue;
    }
    const type = CERTAINTY.indexOf(span.type) < CERTAINTY.indexOf(last.type) ? span.type : last.type;
    result[result.length - 1] = { start: last.start, end: Math.max(last.end, span.end), type };
  }
  return result;
}

/** Moves a span of the redacted text to the original, given what was replaced before it. */
function inOriginal(span: Span, replaced: readonly Span[]): Span {
  let shift = 0;
  for (const { start, end, type } of replaced) {
    if (start + shift >= span.start) break;
    shift += label(type).length - (end - start);
  }
  return { start: span.start - shift, end: span.end - shift, type: span.type };
}

function label(type: PiiType): string {
  return `[${type.toUpperCase()}]`;
}

function withLabels(text: string, spans: readonly Span[]): string {
  let redacted = '';
  let position = 0;
  for (const { start, end, type } of spans) {
    redacted += text.slice(position, start) + label(type);
    position = end;
  }
  return redacted + text.slice(position);
}
