import type { Place } from './interaction.ts';
import type { Passage } from './transcript.ts';

/** Changes whenever the same passages would be cut differently; part of each chunk's lineage. */
export const CHUNKER_VERSION = 'passages-1';

export interface Chunk {
  readonly ordinal: number;
  readonly text: string;
  readonly place: Place;
  readonly confidence: number;
}

export interface ChunkingOptions {
  /** Longest chunk in UTF-16 units. */
  readonly maxCharacters: number;
}

/**
 * MiniLM reads 256 word pieces, about 1,000 characters of English: longer chunks would be cut off unseen. Half of that
 * is some 30 s of speech, near enough to find the place; much shorter ones lose the sentence around a word.
 */
export const DEFAULT_CHUNKING: ChunkingOptions = { maxCharacters: 500 };

/**
 * Cuts passages into chunks: neighbours are joined up to the limit, a passage over the limit is cut at a sentence or
 * word end. Deterministic, so that the same content always gives the same chunks and chunk ids.
 */
export function chunkPassages(passages: readonly Passage[], options: ChunkingOptions = DEFAULT_CHUNKING): Chunk[] {
  const parts = passages.flatMap((passage) => splitPassage(passage, options.maxCharacters));
  return groupParts(parts, options.maxCharacters).map((group, ordinal) => ({
    ordinal,
    text: group.map(({ text }) => text).join(separatorFor(group)),
    place: spanOf(group.map(({ place }) => place)),
    confidence: Math.min(...group.map(({ confidence }) => confidence)),
  }));
}

function groupParts(parts: readonly Passage[], maxCharacters: number): Passage[][] {
  const groups: Passage[][] = [];
  let length = 0;
  for (const part of parts) {
    const group = groups.at(-1);
    const joins = group?.[0]?.place.kind === part.place.kind && length + 1 + part.text.length <= maxCharacters;
    if (group !== undefined && joins) {
      group.push(part);
      length += 1 + part.text.length;
    } else {
      groups.push([part]);
      length = part.text.length;
    }
  }
  return groups;
}

function separatorFor(group: readonly Passage[]): string {
  return group[0]?.place.kind === 'box' ? '\n' : ' ';
}

function splitPassage(passage: Passage, maxCharacters: number): Passage[] {
  const pieces: string[] = [];
  let rest = passage.text.trim();
  while (rest.length > maxCharacters) {
    const end = cutPosition(rest, maxCharacters);
    pieces.push(rest.slice(0, end).trim());
    rest = rest.slice(end).trim();
  }
  return [...pieces, rest].filter((text) => text !== '').map((text) => ({ ...passage, text }));
}

/** The last sentence end, else word end, in the second half of the window; else the limit, never inside a surrogate pair. */
function cutPosition(text: string, maxCharacters: number): number {
  const window = text.slice(0, maxCharacters);
  const sentence = Math.max(
    window.lastIndexOf('. '),
    window.lastIndexOf('? '),
    window.lastIndexOf('! '),
    window.lastIndexOf('\n'),
  );
  if (sentence > maxCharacters / 2) return sentence + 1;
  const word = window.lastIndexOf(' ');
  if (word > maxCharacters / 2) return word;
  const splitsPair = /[\uD800-\uDBFF]/.test(window.at(-1) ?? '');
  return splitsPair ? maxCharacters - 1 : maxCharacters;
}

/** The smallest place that holds all of them; they are of one kind. */
export function spanOf(places: readonly Place[]): Place {
  const times = places.filter((place) => place.kind === 'time');
  if (times.length > 0) {
    return {
      kind: 'time',
      startMs: Math.min(...times.map(({ startMs }) => startMs)),
      endMs: Math.max(...times.map(({ endMs }) => endMs)),
    };
  }
  const boxes = places.filter((place) => place.kind === 'box');
  if (boxes.length === 0) return places[0] ?? { kind: 'message' };
  const x = Math.min(...boxes.map((box) => box.x));
  const y = Math.min(...boxes.map((box) => box.y));
  const right = Math.max(...boxes.map((box) => box.x + box.width));
  const bottom = Math.max(...boxes.map((box) => box.y + box.height));
  return { kind: 'box', x, y, width: right - x, height: bottom - y };
}
