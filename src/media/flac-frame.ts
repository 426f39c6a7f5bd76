import { crc, type Polynomial } from './crc.ts';

/** Header of a FLAC frame (RFC 9639, section 9.1). */
export interface FlacFrame {
  /** Index of its first sample, or of the frame itself where all but the last have one length. */
  readonly number: number;
  readonly counts: 'samples' | 'frames';
  /** Samples of one channel. */
  readonly samples: number;
}

const CRC_8: Polynomial = { bits: 8, value: 0x07 };
const NUMBER_OFFSET = 4;
const SAMPLE_RATE_BYTES: Readonly<Record<number, number>> = { 12: 1, 13: 2, 14: 2 };

/** The frame whose header stands here, or undefined where its sync code or its checksum does not. */
export function flacFrameAt(bytes: Uint8Array, start: number): FlacFrame | undefined {
  const [first = 0, second = 0, sizes = 0] = bytes.subarray(start, start + 3);
  if (first !== 0xff || (second & 0xfe) !== 0xf8) return undefined;
  const samplesAt = start + NUMBER_OFFSET + numberBytes(bytes[start + NUMBER_OFFSET] ?? 0);
  const code = sizes >> 4;
  const samplesBytes = code === 6 ? 1 : code === 7 ? 2 : 0;
  const end = samplesAt + samplesBytes + (SAMPLE_RATE_BYTES[sizes & 0x0f] ?? 0) + 1;
  if (end > bytes.length || crc(bytes, start, end, CRC_8) !== 0) return undefined;
  return {
    number: numberOf(bytes.subarray(start + NUMBER_OFFSET, samplesAt)),
    counts: (second & 1) === 1 ? 'samples' : 'frames',
    samples: samplesOf(code, bytes.subarray(samplesAt, samplesAt + samplesBytes)),
  };
}

/** Length of a frame's number, which is coded like a letter in UTF-8. */
function numberBytes(first: number): number {
  return first < 0x80 ? 1 : Math.max(1, Math.clz32(~first << 24));
}

function numberOf(coded: Uint8Array): number {
  const first = (coded[0] ?? 0) & (coded.length === 1 ? 0x7f : 0x7f >> coded.length);
  return coded.subarray(1).reduce((total, byte) => total * 64 + (byte & 0x3f), first);
}

/** RFC 9639, section 9.1.1; the last two codes that are no power of two stand in bytes of their own. */
function samplesOf(code: number, bytes: Uint8Array): number {
  if (code === 1) return 192;
  if (bytes.length > 0) return bytes.reduce((total, byte) => total * 256 + byte, 0) + 1;
  return code < 6 ? 144 * 2 ** code : 2 ** code;
}
