import sharp, { type Sharp } from 'sharp';
import { EarshotError } from '../domain/errors.ts';

/** A part of a picture, in pixels of it as it is shown upright. */
export interface Mask {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

const ENCODERS: Readonly<Record<string, (picture: Sharp) => Sharp>> = {
  'image/png': (picture) => picture.png(),
  'image/jpeg': (picture) => picture.jpeg({ quality: 90 }),
  'image/webp': (picture) => picture.webp({ quality: 90 }),
};

/**
 * The upright picture with solid black boxes, encoded anew: without metadata, without thumbnails, and without the
 * colours that see-through pixels hide.
 *
 * @throws EarshotError `no_redacted_copy` for a format that is not written.
 */
export async function maskPicture(
  bytes: Uint8Array,
  masks: readonly Mask[],
  mediaType: string,
  maxPixels: number,
): Promise<Buffer> {
  const encode = ENCODERS[mediaType];
  if (encode === undefined) throw new EarshotError('no_redacted_copy', 'pictures of this format cannot be masked');
  const { width, height } = (await sharp(bytes, { limitInputPixels: maxPixels }).metadata()).autoOrient;
  const boxes = masks.flatMap((mask) => within(mask, width, height));
  const upright = sharp(bytes, { limitInputPixels: maxPixels }).autoOrient().flatten({ background: 'white' });
  return encode(
    upright.composite(
      boxes.map(({ x, y, ...size }) => ({
        input: { create: { ...size, channels: 3 as const, background: 'black' } },
        left: x,
        top: y,
      })),
    ),
  ).toBuffer();
}

/** The part of a mask that lies in the picture. */
function within(mask: Mask, width: number, height: number): Mask[] {
  const x = Math.max(0, Math.min(mask.x, width));
  const y = Math.max(0, Math.min(mask.y, height));
  const right = Math.min(width, mask.x + mask.width);
  const bottom = Math.min(height, mask.y + mask.height);
  return right > x && bottom > y ? [{ x, y, width: right - x, height: bottom - y }] : [];
}
