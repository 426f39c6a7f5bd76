import type { Place } from './interaction.ts';
import { redact, type PiiType } from './redaction.ts';
import type { Passage } from './transcript.ts';

/** A part of a picture that is masked in the redacted copy, in pixels of the upright picture, and what stood there. */
export interface HiddenBox {
  readonly type: PiiType;
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

export interface MaskMargins {
  /** Of a line's height, on the left and right of a value; half of it above and below. */
  readonly percent: number;
  /** Lines read with less confidence are masked whole. */
  readonly wholeLineBelow: number;
}

type Box = Extract<Place, { kind: 'box' }>;

/**
 * Where the values that redaction removes from the text of a screen are to be seen. Recognisers tell the box of a line
 * alone: the part of a value in it is estimated from the letters' widths, and widened.
 */
export function hiddenBoxes(lines: readonly Passage[], margins: MaskMargins): HiddenBox[] {
  const { spans } = redact(lines.map(({ text }) => text).join('\n'));
  let from = 0;
  return lines.flatMap(({ text, place, confidence }) => {
    const start = from;
    from += text.length + 1;
    if (place.kind !== 'box') return [];
    return spans
      .filter((span) => span.start < start + text.length && span.end > start)
      .map((span): HiddenBox => {
        const isUnsure = confidence < margins.wholeLineBelow;
        const first = isUnsure ? 0 : Math.max(span.start - start, 0);
        const last = isUnsure ? text.length : Math.min(span.end - start, text.length);
        return { type: span.type, ...partOf(place, text, first, last, margins.percent) };
      });
  });
}

/** By how much of a line's width the estimate of a place in it may be wrong. */
const ESTIMATE_ERROR = 0.03;

function partOf(line: Box, text: string, first: number, last: number, percent: number): Omit<HiddenBox, 'type'> {
  const whole = widthOf(text);
  const margin = (line.height * percent) / 100;
  const aside = margin + line.width * ESTIMATE_ERROR;
  const left = line.x + (widthOf(text.slice(0, first)) / whole) * line.width - aside;
  const right = line.x + (widthOf(text.slice(0, last)) / whole) * line.width + aside;
  const x = Math.floor(left);
  const y = Math.floor(line.y - margin / 2);
  return { x, y, width: Math.ceil(right) - x, height: Math.ceil(line.y + line.height + margin / 2) - y };
}

/** Widths of letters in the sans-serif fonts of screens, in ems, as Helvetica has them, by class. */
const WIDTHS: readonly (readonly [RegExp, number])[] = [
  [/[\s.,:;!'|ijlI/\\()[\]]/u, 0.28],
  [/[frt"*-]/u, 0.34],
  [/[mwMW@%]/u, 0.86],
  [/\p{Lu}/u, 0.68],
  [/[\u0300-\u{10ffff}]/u, 0.8],
];
const USUAL_WIDTH = 0.54;

function widthOf(text: string): number {
  return [...text].reduce(
    (sum, letter) => sum + (WIDTHS.find(([letters]) => letters.test(letter))?.[1] ?? USUAL_WIDTH),
    0,
  );
}
