import { crc32, deflateSync } from 'node:zlib';
import sharp from 'sharp';
import { randomOf } from '../random.ts';
import { screenLine } from '../support-talk.ts';

const SIGNATURE = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
const LEAST_COMPRESSION = 1;
const WINDOWS = 40;

/** Makes the picture of a name: the same whenever it is asked for. */
export type ScreenMaker = (name: string) => Buffer | Promise<Buffer>;

const LINES = 8;

/** A PNG with lines of text, for models that read: drawing letters takes ten times as long as boxes. */
export function writtenScreen(name: string, width: number, height: number): Promise<Buffer> {
  const random = randomOf(name);
  const step = height / (LINES + 1);
  const lines = Array.from({ length: LINES }, (_, index) => {
    return `<text x="${width * 0.04}" y="${step * (index + 1)}">${screenLine(random)}</text>`;
  });
  const style = `font-family="sans-serif" font-size="${Math.min(step * 0.6, width / 56)}" fill="#111"`;
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}"><rect width="100%" height="100%" fill="#fff"/><g ${style}>${lines.join('')}</g></svg>`;
  return sharp(Buffer.from(svg)).png().toBuffer();
}

/** A PNG in grey with boxes where the name has them, as windows and lines stand on a screen. */
export function screenPicture(name: string, width: number, height: number): Buffer {
  const random = randomOf(name);
  const row = width + 1;
  // Each row begins with its filter; 0 is none.
  const pixels = Buffer.alloc(row * height, 0xf0);
  for (let y = 0; y < height; y++) pixels[y * row] = 0;
  for (let box = 0; box < WINDOWS; box++) {
    const [x, y] = [random.below(width), random.below(height)];
    const right = Math.min(width, x + 8 + random.below(width / 2));
    const bottom = Math.min(height, y + 4 + random.below(height / 8));
    const shade = random.below(256);
    for (let line = y; line < bottom; line++) pixels.fill(shade, line * row + 1 + x, line * row + 1 + right);
  }
  const size = Buffer.alloc(13);
  size.writeUInt32BE(width, 0);
  size.writeUInt32BE(height, 4);
  size.writeUInt8(8, 8);
  return Buffer.concat([
    SIGNATURE,
    chunk('IHDR', size),
    chunk('IDAT', deflateSync(pixels, { level: LEAST_COMPRESSION })),
    chunk('IEND', Buffer.alloc(0)),
  ]);
}

function chunk(type: string, data: Buffer): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(data.length);
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  const check = Buffer.alloc(4);
  check.writeUInt32BE(crc32(body));
  return Buffer.concat([length, body, check]);
}
