/** A part of a picture, in pixels of the whole. */
export interface Tile {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

/** By how many pixels neighbours overlap at least: lines of a screen are lower, so each is whole in one of two tiles. */
export const OVERLAP = 160;

/** Covers a picture with overlapping tiles of like size, no side longer than `maxSide` pixels, row by row. */
export function tilesOf(width: number, height: number, maxSide: number): Tile[] {
  const columns = spans(width, maxSide);
  return spans(height, maxSide).flatMap(([top, tileHeight]) =>
    columns.map(([left, tileWidth]) => ({ left, top, width: tileWidth, height: tileHeight })),
  );
}

/** Starts and lengths that cover `length` pixels. */
function spans(length: number, max: number): [number, number][] {
  if (length <= max) return [[0, length]];
  const count = Math.ceil((length - OVERLAP) / (max - OVERLAP));
  const size = Math.ceil((length + (count - 1) * OVERLAP) / count);
  return Array.from({ length: count }, (_, index) => [Math.floor((index * (length - size)) / (count - 1)), size]);
}
