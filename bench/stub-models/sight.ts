import { randomOf } from '../random.ts';
import { caption, screenLine } from '../support-talk.ts';

/** Where width and height stand in a PNG: after its signature and the head of its first chunk. */
const SIZE_OFFSET = 16;
const FALLBACK = { width: 1_280, height: 720 };

export interface SeenScreen {
  readonly lines: readonly {
    readonly text: string;
    readonly confidence: number;
    readonly box: { readonly x: number; readonly y: number; readonly width: number; readonly height: number };
  }[];
  readonly caption: string;
}

/** Made-up lines with boxes inside the picture, and its caption; the bytes decide both. */
export function screenOf(dataUrl: string): SeenScreen {
  const random = randomOf(dataUrl);
  const { width, height } = sizeOf(dataUrl);
  const lines = 6 + random.below(10);
  const step = height / (lines + 1);
  return {
    lines: Array.from({ length: lines }, (_, index) => ({
      text: screenLine(random),
      confidence: 0.85 + 0.14 * random.next(),
      box: { x: width * 0.05, y: step * (index + 0.5), width: width * 0.8, height: step * 0.7 },
    })),
    caption: caption(random),
  };
}

function sizeOf(dataUrl: string): { width: number; height: number } {
  const head = Buffer.from(dataUrl.slice(dataUrl.indexOf(',') + 1, dataUrl.indexOf(',') + 41), 'base64');
  if (head.length < SIZE_OFFSET + 8 || head.toString('latin1', 1, 4) !== 'PNG') return FALLBACK;
  return { width: head.readUInt32BE(SIZE_OFFSET), height: head.readUInt32BE(SIZE_OFFSET + 4) };
}
