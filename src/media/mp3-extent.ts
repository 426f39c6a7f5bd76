import { CUT, type Extent } from './extent.ts';
import { afterId3 } from './id3.ts';
import { tagAt } from './tag.ts';

/**
 * Kilobits per second of layer III by the header's index, of MPEG 1 (ISO/IEC 11172-3) and of MPEG 2 and 2.5 (13818-3).
 */
const BITRATES: Readonly<Record<'one' | 'two', readonly number[]>> = {
  one: [0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320],
  two: [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160],
};
/** Hertz of MPEG 1; MPEG 2 has half of it, 2.5 a quarter. */
const SAMPLE_RATES = [44_100, 48_000, 32_000];

interface Frame {
  readonly bytes: number;
  readonly milliseconds: number;
  /** Where the first frame may hold the encoder's account of the file, counted from the frame's start. */
  readonly accountOffset: number;
}

/**
 * MP3: each frame says its length by bitrate and sample rate. Tags may follow the last frame. An encoder's account in
 * the first frame, if there is one, claims the number of frames; encoders differ in whether they count that one.
 */
export function mp3Extent(bytes: Uint8Array): Extent {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let frames = 0;
  let durationMs = 0;
  let claimed = 0;
  let offset = afterId3(bytes);
  for (let frame = frameAt(view, offset); frame !== undefined; frame = frameAt(view, offset)) {
    if (frames === 0) claimed = claimedFrames(bytes, view, offset + frame.accountOffset);
    frames += 1;
    durationMs += frame.milliseconds;
    offset += frame.bytes;
  }
  const breaksOff = offset > bytes.length || (bytes[offset] === 0xff && bytes.length - offset < 4);
  return frames === 0 || frames < claimed || breaksOff ? CUT : { whole: true, durationMs };
}

function frameAt(view: DataView, offset: number): Frame | undefined {
  if (offset + 4 > view.byteLength) return undefined;
  const header = view.getUint32(offset);
  const version = (header >>> 19) & 3;
  const layer = (header >>> 17) & 3;
  if (header >>> 21 !== 0x7ff || version === 1 || layer !== 1) return undefined;
  const one = version === 3;
  const bitrate = BITRATES[one ? 'one' : 'two'][(header >>> 12) & 15] ?? 0;
  const rate = (SAMPLE_RATES[(header >>> 10) & 3] ?? 0) / (one ? 1 : version === 2 ? 2 : 4);
  if (bitrate === 0 || rate === 0) return undefined;
  const samples = one ? 1152 : 576;
  const mono = ((header >>> 6) & 3) === 3;
  const padding = (header >>> 9) & 1;
  return {
    bytes: Math.floor((samples * bitrate * 125) / rate) + padding,
    milliseconds: (samples / rate) * 1000,
    accountOffset: 4 + (one ? (mono ? 17 : 32) : mono ? 9 : 17),
  };
}

const HAS_FRAME_COUNT = 1;

/** The count in a Xing or Info header, or 0 without one. */
function claimedFrames(bytes: Uint8Array, view: DataView, offset: number): number {
  if (!['Xing', 'Info'].includes(tagAt(bytes, offset)) || offset + 12 > bytes.length) return 0;
  return (view.getUint32(offset + 4) & HAS_FRAME_COUNT) === 0 ? 0 : view.getUint32(offset + 8);
}
