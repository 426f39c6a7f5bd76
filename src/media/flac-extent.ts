import { crc, type Polynomial } from './crc.ts';
import { CUT, type Extent } from './extent.ts';
import { flacFrameAt, type FlacFrame } from './flac-frame.ts';
import { afterId3 } from './id3.ts';

/**
 * How far from the end the last frame may start. A frame of telephony is some kilobytes; one of eight channels in
 * studio quality stays below this. Too small refuses sound files, too large only costs time on damaged ones.
 */
const MAX_FRAME_BYTES = 1024 * 1024;

/**
 * How many places that look like a frame are tried. Chance makes one in eight megabytes; without a bound a file made of
 * such places would cost the square of its length.
 */
const MAX_CANDIDATES = 8;

const CRC_16: Polynomial = { bits: 16, value: 0x8005 };

/**
 * FLAC: a frame does not say its length, but its header and the whole of it carry a checksum each (RFC 9639, sections
 * 9.1.8 and 9.3). The file is whole when a frame ends exactly where the file does, with the last sample that the
 * stream's header claims.
 */
export function flacExtent(bytes: Uint8Array): Extent {
  const frame = lastFrame(bytes);
  const stream = streamInfo(bytes);
  if (frame === undefined || stream === undefined) return CUT;
  const first = frame.counts === 'samples' ? frame.number : frame.number * stream.samplesPerFrame;
  const samples = first + frame.samples;
  return samples < stream.samples ? CUT : { whole: true, durationMs: (samples / stream.sampleRate) * 1000 };
}

function lastFrame(bytes: Uint8Array): FlacFrame | undefined {
  let candidates = 0;
  for (let start = bytes.length - 8; start >= Math.max(0, bytes.length - MAX_FRAME_BYTES); start--) {
    const frame = bytes[start] === 0xff ? flacFrameAt(bytes, start) : undefined;
    if (frame === undefined) continue;
    if (crc(bytes, start, bytes.length, CRC_16) === 0) return frame;
    if (++candidates === MAX_CANDIDATES) break;
  }
  return undefined;
}

interface StreamInfo {
  /** Where all frames but the last have one length, this one. */
  readonly samplesPerFrame: number;
  readonly sampleRate: number;
  /** Samples of one channel, or 0 where the encoder did not know. */
  readonly samples: number;
}

const STREAM_INFO_END = 42;

/** The first metadata block (RFC 9639, section 8.2). */
function streamInfo(bytes: Uint8Array): StreamInfo | undefined {
  const start = afterId3(bytes);
  if (start + STREAM_INFO_END > bytes.length) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset + start, STREAM_INFO_END);
  const sampleRate = view.getUint32(18) >>> 12;
  if (sampleRate === 0) return undefined;
  const samples = (view.getUint8(21) & 0x0f) * 2 ** 32 + view.getUint32(22);
  return { samplesPerFrame: view.getUint16(8), sampleRate, samples };
}
