import { redact, type Span } from './redaction.ts';
import type { Passage } from './transcript.ts';

export interface RedactedPassages {
  readonly passages: readonly Passage[];
  /** How many values of each type were removed. */
  readonly counts: Readonly<Record<string, number>>;
}

/**
 * Redacts passages as one text, because a recogniser may split a card number over two of them. A value that spans
 * passages leaves its label in the first and disappears from the others.
 */
export function redactPassages(passages: readonly Passage[]): RedactedPassages {
  const whole = passages.map(({ text }) => text).join('\n');
  const { spans, counts } = redact(whole);
  let start = 0;
  const redacted = passages.map((passage) => {
    const from = start;
    start += passage.text.length + 1;
    return { ...passage, text: cutSpans(passage.text, from, spans) };
  });
  return { passages: redacted.filter(({ text }) => text.trim() !== ''), counts: { ...counts } };
}

function cutSpans(text: string, offset: number, spans: readonly Span[]): string {
  let result = '';
  let position = 0;
  for (const span of spans) {
    const from = span.start - offset;
    const to = span.end - offset;
    if (to <= 0 || from >= text.length) continue;
    result += text.slice(position, Math.max(from, 0));
    if (from >= 0) result += `[${span.type.toUpperCase()}]`;
    position = Math.min(to, text.length);
  }
  return result + text.slice(position);
}
