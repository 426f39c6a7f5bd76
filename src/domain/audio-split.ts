import type { AudioPiece } from './activities.ts';
import type { SampleForm, Wav } from './wav.ts';

/** Length of the frames whose loudness is compared: shorter than a syllable, longer than a period of the voice. */
const FRAME_MS = 20;

/** How far from the target a cut may move to find a pause. Speech pauses at least every few seconds. */
const SEARCH_MS = 4_000;

/**
 * Root mean square of each 20 ms frame, 0 to 1, over all channels: where one speaker pauses, the other may be in the
 * middle of a word.
 */
export function loudness(wav: Wav): number[] {
  const samplesPerFrame = Math.max(1, (wav.sampleRate * FRAME_MS) / 1000);
  const frames = Math.ceil(wav.data.length / wav.frameBytes / samplesPerFrame);
  const offset = (frame: number) => Math.min(Math.floor(frame * samplesPerFrame) * wav.frameBytes, wav.data.length);
  return Array.from({ length: frames }, (_, frame) => rootMeanSquare(wav, offset(frame), offset(frame + 1)));
}

function rootMeanSquare({ form, bitsPerSample, data }: Wav, start: number, end: number): number {
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const read = READERS[form];
  const sampleBytes = bitsPerSample / 8;
  let sum = 0;
  for (let offset = start; offset < end; offset += sampleBytes) sum += read(view, offset) ** 2;
  return Math.sqrt(sum / ((end - start) / sampleBytes));
}

/** Reads the sample at an offset as -1 to 1. */
const READERS: Readonly<Record<SampleForm, (view: DataView, offset: number) => number>> = {
  'pcm-8': (view, offset) => (view.getUint8(offset) - 128) / 128,
  'pcm-16': (view, offset) => view.getInt16(offset, true) / 2 ** 15,
  'pcm-24': (view, offset) => (view.getUint16(offset, true) + view.getInt8(offset + 2) * 2 ** 16) / 2 ** 23,
  'pcm-32': (view, offset) => view.getInt32(offset, true) / 2 ** 31,
  'float-32': (view, offset) => view.getFloat32(offset, true),
  'mu-law': (view, offset) => muLaw(view.getUint8(offset)),
  'a-law': (view, offset) => aLaw(view.getUint8(offset)),
};

/** ITU-T G.711, table 2: inverted, with a sign, three bits of exponent and four of mantissa. The sign is left out. */
function muLaw(byte: number): number {
  const code = ~byte & 0x7f;
  return ((((code & 0x0f) << 3) + 0x84) * 2 ** (code >> 4) - 0x84) / 2 ** 15;
}

/** ITU-T G.711, table 1: every second bit inverted. The sign is left out. */
function aLaw(byte: number): number {
  const code = (byte ^ 0x55) & 0x7f;
  const exponent = code >> 4;
  const mantissa = ((code & 0x0f) << 4) + 8;
  return (exponent === 0 ? mantissa : (mantissa + 0x100) * 2 ** (exponent - 1)) / 2 ** 15;
}

/**
 * Cuts a recording near every `targetMs` at the quietest place, so that words stay whole. Pieces follow each other
 * without gap or overlap; a last piece of less than half the target joins the one before.
 */
export function splitAtPauses(levels: readonly number[], durationMs: number, targetMs: number): AudioPiece[] {
  const cuts = [0];
  for (;;) {
    const previous = cuts.at(-1) ?? 0;
    if (durationMs - previous <= targetMs * 1.5) break;
    cuts.push(quietestNear(levels, previous + targetMs, Math.min(SEARCH_MS, targetMs / 2)));
  }
  return cuts.map((startMs, index) => ({ index, startMs, endMs: cuts[index + 1] ?? Math.round(durationMs) }));
}

/** The middle of the quietest 200 ms around a moment; the earliest of equals. */
function quietestNear(levels: readonly number[], aroundMs: number, searchMs: number): number {
  const width = 200 / FRAME_MS;
  const first = Math.floor((aroundMs - searchMs) / FRAME_MS);
  const last = Math.floor((aroundMs + searchMs) / FRAME_MS);
  let best = Math.round(aroundMs / FRAME_MS);
  let quietest = Infinity;
  for (let frame = first; frame <= last - width; frame++) {
    const sum = levels.slice(frame, frame + width).reduce((total, level) => total + level, 0);
    if (sum < quietest) [quietest, best] = [sum, frame + width / 2];
  }
  return best * FRAME_MS;
}

/** Whether a recording is long enough to be cut into pieces of about `targetMs`; compressed ones are recognised whole. */
export function isCut(mediaType: string | null, durationMs: number, targetMs: number): boolean {
  return mediaType === 'audio/wav' && durationMs > targetMs * 1.5;
}
