import type { Place } from './interaction.ts';
import type { Passage } from './transcript.ts';

type Box = Extract<Place, { kind: 'box' }>;
type Line = Passage & { readonly place: Box };

/**
 * Lines read from overlapping tiles as lines of the whole picture: one that two tiles hold comes once, one that runs
 * from tile to tile is joined. Lines are the same where they cover each other and share a word; what is not surely the
 * same stays twice. Boxes are in pixels of the picture.
 */
export function joinTiles(tiles: readonly (readonly Passage[])[]): Passage[] {
  const lines: { line: Passage; tile: number }[] = [];
  tiles.forEach((passages, tile) => {
    for (const passage of passages) {
      const known = lines.find((other) => other.tile < tile && isSameLine(other.line, passage));
      if (known === undefined) lines.push({ line: passage, tile });
      else known.line = joinLines(known.line as Line, passage as Line);
    }
  });
  return lines.map(({ line }) => line);
}

function isSameLine(a: Passage, b: Passage): boolean {
  if (a.place.kind !== 'box' || b.place.kind !== 'box') return false;
  const lower = Math.min(a.place.height, b.place.height);
  const high = overlap(a.place.y, a.place.height, b.place.y, b.place.height);
  const wide = overlap(a.place.x, a.place.width, b.place.x, b.place.width);
  if (high < lower / 2 || wide < Math.min(lower, a.place.width, b.place.width) / 2) return false;
  const words = wordsOf(a.text);
  return wordsOf(b.text).some((word) => words.includes(word));
}

function overlap(start: number, length: number, otherStart: number, otherLength: number): number {
  return Math.min(start + length, otherStart + otherLength) - Math.max(start, otherStart);
}

function joinLines(a: Line, b: Line): Line {
  const [left, right] = a.place.x <= b.place.x ? [a, b] : [b, a];
  // Within a letter's width, which a line's height exceeds, they begin or end together: the larger is the whole one.
  const letter = Math.min(a.place.height, b.place.height) / 2;
  const beyond = right.place.x + right.place.width - (left.place.x + left.place.width);
  if (beyond < letter || right.place.x - left.place.x < letter) return area(b) > area(a) ? b : a;
  const place = { ...left.place, width: right.place.x + right.place.width - left.place.x };
  return { text: joinTexts(left.text, right.text), place, confidence: Math.min(a.confidence, b.confidence) };
}

function area({ place }: Line): number {
  return place.width * place.height;
}

/** Whether the last word of the left text, and the first of the right one, is taken as cut in two by a tile's edge. */
const CUTS = [
  [0, 0],
  [0, 1],
  [1, 0],
  [1, 1],
] as const;

/**
 * Joins texts where the words at the end of one begin the other. A word that an edge has cut gives way to the whole one
 * in the other text. Where no words are shared, one text follows the other.
 */
export function joinTexts(left: string, right: string): string {
  const [before, after] = [wordsOf(left), wordsOf(right)];
  for (let shared = Math.min(before.length, after.length); shared > 0; shared -= 1) {
    for (const [cutEnd, cutStart] of CUTS) {
      const start = before.slice(0, before.length - cutEnd);
      const end = after.slice(cutStart);
      const same = start.slice(-shared).join(' ') === end.slice(0, shared).join(' ');
      const endIsWhole = cutEnd === 0 || end[shared]?.startsWith(before.at(-1)!);
      const startIsWhole = cutStart === 0 || start.at(-shared - 1)?.endsWith(after[0]!);
      if (same && endIsWhole && startIsWhole) return [...start, ...end.slice(shared)].join(' ');
    }
  }
  return `${left} ${right}`;
}

function wordsOf(text: string): string[] {
  return text.split(/\s+/).filter((word) => word !== '');
}
