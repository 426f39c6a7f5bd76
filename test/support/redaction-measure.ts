import type { Redaction } from '../../src/domain/redaction.ts';

/** A sentence and the values in it that must not remain. */
export interface PlantedSentence {
  readonly text: string;
  readonly style: 'chat' | 'call' | 'screen';
  readonly values: readonly { readonly type: string; readonly value: string }[];
}

export interface Figures {
  readonly planted: number;
  readonly recall: number;
  readonly precision: number;
}

/** Recall: planted values of which nothing but separators remains. Precision: found spans that overlap a planted value. */
export function measure(
  sentences: readonly PlantedSentence[],
  redact: (text: string) => Redaction,
): Record<string, Figures> {
  const counts: Record<string, { planted: number; hidden: number; found: number; right: number }> = {};
  const of = (type: string) => (counts[type] ??= { planted: 0, hidden: 0, found: 0, right: 0 });
  for (const { text, values } of sentences) {
    const { spans } = redact(text);
    const places = values.map(({ type, value }) => ({
      type,
      start: text.indexOf(value),
      end: text.indexOf(value) + value.length,
    }));
    for (const { type, start, end } of places) {
      of(type).planted += 1;
      const covered = spans.some((span) => span.start <= start && span.end >= end);
      if (covered) of(type).hidden += 1;
    }
    for (const span of spans) {
      of(span.type).found += 1;
      if (places.some(({ start, end }) => span.start < end && start < span.end)) of(span.type).right += 1;
    }
  }
  return Object.fromEntries(
    Object.entries(counts).map(([type, { planted, hidden, found, right }]) => [
      type,
      { planted, recall: planted === 0 ? 1 : hidden / planted, precision: found === 0 ? 1 : right / found },
    ]),
  );
}
