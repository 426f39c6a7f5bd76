import { crc32 } from 'node:zlib';
import fc from 'fast-check';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { imageForModel, inspectImage, uprightSize } from '../../src/media/inspect-image.ts';

const MAX_PIXELS = 1_000_000;
const inspect = (bytes: Uint8Array) => inspectImage(bytes, MAX_PIXELS);
const picture = (width = 120, height = 80) =>
  sharp({
    create: { width, height, channels: 3, background: 'white', noise: { type: 'gaussian', mean: 128, sigma: 40 } },
  });

const PICTURES = [
  ['PNG', 'image/png', await picture().png().toBuffer()],
  ['interlaced PNG', 'image/png', await picture().png({ progressive: true }).toBuffer()],
  ['JPEG', 'image/jpeg', await picture().jpeg().toBuffer()],
  ['progressive JPEG', 'image/jpeg', await picture().jpeg({ progressive: true }).toBuffer()],
  ['WebP', 'image/webp', await picture().webp().toBuffer()],
  ['lossless WebP', 'image/webp', await picture().webp({ lossless: true }).toBuffer()],
] as const;

const NO_PICTURES = [
  ['nothing', Buffer.alloc(0)],
  ['a page', Buffer.from('<!doctype html><img src="x.png">')],
  ['SVG, which is a program', Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>')],
  ['PDF', Buffer.from('%PDF-1.7\n1 0 obj\n')],
  ['PostScript', Buffer.from('%!PS-Adobe-3.0\n(x) run\n')],
  ['GIF', await picture().gif().toBuffer()],
  ['TIFF', await picture().tiff().toBuffer()],
  ['a page with a picture behind it', Buffer.concat([Buffer.from('<html>'), PICTURES[0][2]])],
  [
    'moving WebP',
    await sharp([await picture(20, 20).png().toBuffer(), await picture(20, 20).png().toBuffer()], {
      join: { animated: true },
    })
      .webp()
      .toBuffer(),
  ],
] as const;

const BOMBS = [
  ['PNG', sized(PICTURES[0][2])],
  ['JPEG', gigapixelJpeg(PICTURES[2][2])],
  ['one pixel row over the limit', await picture(1_000, 1_001).png().toBuffer()],
] as const;

describe.each(PICTURES)('a %s', (_, mediaType, whole) => {
  it('is known by its bytes, with its size', async () => {
    expect(await inspect(whole)).toEqual({ mediaType, width: 120, height: 80 });
  });

  it('is refused when it is cut short anywhere', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 0, max: whole.length - 1 }), async (length) => {
        await expect(inspect(whole.subarray(0, length))).rejects.toMatchObject({
          code: expect.stringMatching(/^(unsupported_format|malformed_media)$/) as string,
          fields: [{ field: 'image' }],
        });
      }),
      { examples: [[whole.length - 1], [whole.length >> 1], [0]] },
    );
  });

  it('never fails in another way, whichever of its bytes are wrong', async () => {
    const change = fc.tuple(fc.nat(Math.min(whole.length - 1, 400)), fc.nat(255));
    await fc.assert(
      fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 5 }), async (changes) => {
        const damaged = Uint8Array.from(whole);
        for (const [offset, byte] of changes) damaged[offset] = byte;
        const facts = await inspect(damaged).catch((error: unknown) => error);
        expect(facts).toMatchObject(facts instanceof Error ? { name: 'EarshotError' } : { mediaType });
      }),
    );
  });
});

/** The whole picture, as one tile. */
const forModel = async (bytes: Uint8Array, maxSide: number) =>
  imageForModel(bytes, { left: 0, top: 0, ...(await uprightSize(bytes)) }, maxSide, MAX_PIXELS);

describe('a picture', () => {
  it.each(NO_PICTURES)('is not what is taken: %s', async (_, bytes) => {
    await expect(inspect(bytes)).rejects.toMatchObject({ code: 'unsupported_format', fields: [{ field: 'image' }] });
  });

  it.each(BOMBS)('is refused by its header when it claims too many pixels: %s', async (_, bomb) => {
    await expect(inspect(bomb)).rejects.toMatchObject({ code: 'too_large', fields: [{ field: 'image' }] });
  });

  it('reaches no model when it has more pixels than the limit', async () => {
    await expect(forModel(sized(PICTURES[0][2]), 100)).rejects.toThrow(/pixel limit/);
  });

  it('with a script behind its end reaches a model without the script', async () => {
    const polyglot = Buffer.concat([PICTURES[0][2], Buffer.from('<script>steal()</script>')]);
    expect((await forModel(polyglot, 100)).png.includes('steal')).toBe(false);
  });
});

describe('a picture for a model', () => {
  it('is upright, without metadata, and small enough, with the scale back', async () => {
    const turned = await picture(600, 200)
      .withExif({ IFD0: { Artist: 'Ada', Copyright: 'secret' } })
      .withMetadata({ orientation: 6 })
      .jpeg()
      .toBuffer();
    const { png, scale } = await forModel(turned, 300);
    const { format, width, height, exif, orientation } = await sharp(png).metadata();
    expect({ format, width, height, exif, orientation, scale }).toEqual({
      format: 'png',
      width: 100,
      height: 300,
      exif: undefined,
      orientation: undefined,
      scale: 2,
    });
  });

  it('is not blown up', async () => {
    const { png, scale } = await forModel(PICTURES[0][2], 4_000);
    expect(await sharp(png).metadata()).toMatchObject({ width: 120, height: 80 });
    expect(scale).toBe(1);
  });
});

/** The same PNG with a header of 60,000 by 60,000 pixels, valid by its checksum. */
function sized(png: Buffer): Buffer {
  const bomb = Buffer.from(png);
  bomb.writeUInt32BE(60_000, 16);
  bomb.writeUInt32BE(60_000, 20);
  bomb.writeUInt32BE(crc32(bomb.subarray(12, 29)), 29);
  return bomb;
}

function gigapixelJpeg(jpeg: Buffer): Buffer {
  const bomb = Buffer.from(jpeg);
  const startOfFrame = bomb.indexOf(Buffer.from([0xff, 0xc0]));
  bomb.writeUInt16BE(64_250, startOfFrame + 5);
  bomb.writeUInt16BE(64_250, startOfFrame + 7);
  return bomb;
}
