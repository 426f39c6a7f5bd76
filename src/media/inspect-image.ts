import { fileTypeFromBuffer } from 'file-type';
import sharp from 'sharp';
import { EarshotError } from '../domain/errors.ts';
import { isWholeJpeg } from './jpeg-end.ts';
import { isWholePng } from './png-chunks.ts';
import type { Tile } from './tiles.ts';

/** What a picture is, by its own bytes. */
export interface ImageFacts {
  readonly mediaType: string;
  readonly width: number;
  readonly height: number;
}

/** Raster formats in which screens are captured. SVG is a program, and the rest are no screenshots. */
const FORMATS = new Set(['png', 'jpg', 'webp']);

/**
 * Checks a picture by its header first, so that one that claims gigapixels is refused before a pixel is decoded, then
 * decodes it whole, so that a truncated one is refused too.
 *
 * @throws EarshotError `unsupported_format`, `malformed_media` or `too_large`, each with the field `image`.
 */
export async function inspectImage(bytes: Uint8Array, maxPixels: number): Promise<ImageFacts> {
  const type = await fileTypeFromBuffer(bytes);
  if (type === undefined || !FORMATS.has(type.ext)) {
    throw imageError('unsupported_format', 'must be a PNG, JPEG or WebP picture');
  }
  const { width, height, pages } = await header(bytes);
  if (pages > 1)
    throw imageError('unsupported_format', 'must be a still picture: of a moving one, most would be unread');
  if (width * height > maxPixels) throw imageError('too_large', `has more than ${maxPixels} pixels`);
  const isWhole = type.ext === 'png' ? isWholePng(bytes) : type.ext !== 'jpg' || isWholeJpeg(bytes);
  if (!isWhole) throw imageError('malformed_media', 'is damaged or incomplete');
  try {
    await sharp(bytes, { limitInputPixels: maxPixels, failOn: 'warning' }).stats();
  } catch {
    throw imageError('malformed_media', 'is damaged or incomplete');
  }
  return { mediaType: type.mime, width, height };
}

async function header(bytes: Uint8Array): Promise<{ width: number; height: number; pages: number }> {
  try {
    const { width, height, pages = 1 } = await sharp(bytes, { limitInputPixels: false }).metadata();
    return { width, height, pages };
  } catch {
    throw imageError('malformed_media', 'is damaged or incomplete');
  }
}

/** Width and height in pixels as the picture is shown: its EXIF orientation applied. */
export async function uprightSize(bytes: Uint8Array): Promise<{ width: number; height: number }> {
  return (await sharp(bytes, { limitInputPixels: false }).metadata()).autoOrient;
}

/** A picture, or a part of one, as a vision model gets it. */
export interface ModelImage {
  readonly png: Buffer;
  /** Pixels of the original per pixel of `png`. */
  readonly scale: number;
}

/** One tile of the upright picture, without metadata, no side longer than `maxSide` pixels. */
export async function imageForModel(
  bytes: Uint8Array,
  tile: Tile,
  maxSide: number,
  maxPixels: number,
): Promise<ModelImage> {
  const { data, info } = await sharp(bytes, { limitInputPixels: maxPixels })
    .autoOrient()
    .extract(tile)
    .resize({ width: maxSide, height: maxSide, fit: 'inside', withoutEnlargement: true })
    .png()
    .toBuffer({ resolveWithObject: true });
  return { png: data, scale: Math.max(tile.width, tile.height) / Math.max(info.width, info.height) };
}

function imageError(code: 'unsupported_format' | 'malformed_media' | 'too_large', message: string): EarshotError {
  return new EarshotError(code, `image: ${message}`, { fields: [{ field: 'image', message }] });
}
