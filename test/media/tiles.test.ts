import fc from 'fast-check';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { imageForModel, uprightSize } from '../../src/media/inspect-image.ts';
import { OVERLAP, tilesOf } from '../../src/media/tiles.ts';

describe('tiles', () => {
  it('of a picture that is small enough are one, the picture', () => {
    expect(tilesOf(4_000, 300, 4_000)).toEqual([{ left: 0, top: 0, width: 4_000, height: 300 }]);
  });

  it('cover every line of the picture whole and stay within the longest side', () => {
    const side = fc.integer({ min: 1, max: 30_000 });
    fc.assert(
      fc.property(side, side, fc.integer({ min: 512, max: 8_000 }), fc.nat(), (width, height, maxSide, seed) => {
        const tiles = tilesOf(width, height, maxSide);
        const top = seed % Math.max(1, height - OVERLAP / 2);
        const bottom = Math.min(height, top + OVERLAP / 2);
        expect(tiles.some((tile) => tile.top <= top && tile.top + tile.height >= bottom)).toBe(true);
        for (const tile of tiles) {
          expect(Math.max(tile.width, tile.height)).toBeLessThanOrEqual(maxSide);
          expect(tile.left + tile.width).toBeLessThanOrEqual(width);
          expect(tile.top + tile.height).toBeLessThanOrEqual(height);
        }
        expect(Math.max(...tiles.map((tile) => tile.left + tile.width))).toBe(width);
        expect(Math.max(...tiles.map((tile) => tile.top + tile.height))).toBe(height);
      }),
    );
  });

  it('are cut from the picture as it is shown, and shrunk', async () => {
    const right = { create: { width: 600, height: 400, channels: 3 as const, background: 'blue' } };
    const landscape = sharp({ create: { width: 1_200, height: 400, channels: 3, background: 'red' } });
    // Orientation 6: to be turned clockwise, which brings the left side up.
    const turned = landscape.composite([{ input: right, left: 600, top: 0 }]).withMetadata({ orientation: 6 });
    const bytes = await turned.png().toBuffer();
    expect(await uprightSize(bytes)).toMatchObject({ width: 400, height: 1_200 });
    const tile = { left: 0, top: 600, width: 400, height: 600 };
    const { png, scale } = await imageForModel(bytes, tile, 300, 1_000_000);
    expect(scale).toBe(2);
    expect(await sharp(png).metadata()).toMatchObject({ width: 200, height: 300 });
    expect((await sharp(png).stats()).dominant).toMatchObject({ r: 8, b: 248 });
  });
});
