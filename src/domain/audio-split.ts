import type { AudioPiece } from './activities.ts';
import type { Wav } from './wav.ts';

/** Length of the frames whose loudness is compared: shorter than a syllable, longer than a period of the voice. */
const FRAME_MS = 20;

/** How far from the target a cut may move to find a pause. Speech pauses at least every few seconds. */
const SEARCH_MS = 4_000;

/** Root mean square of each 20 ms frame of the first channel, 0 to 1. Only PCM of 8 and 16 bits is heard. */
export function loudness(wav: Wav): number[] {
  const framesPerBlock = Math.max(1, Math.round((wav.sampleRate * FRAME_MS) / 1000));
  const view = new DataView(wav.data.buffer, wav.data.byteOffset, wav.data.byteLength);
  const sample = (offset: number) =>
    wav.bitsPerSample === 16 ? view.getInt16(offset, true) / 32768 : (view.getUint8(offset) - 128) / 128;
  const levels: number[] = [];
  for (let start = 0; start < wav.data.length; start += framesPerBlock * wav.frameBytes) {
    const end = Math.min(start + framesPerBlock * wav.frameBytes, wav.data.length);
    let sum = 0;
    for (let offset = start; offset < end; offset += wav.frameBytes) sum += sample(offset) ** 2;
    levels.push(Math.sqrt(sum / ((end - start) / wav.frameBytes)));
  }
  return levels;
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

/** Whether pieces can be cut from this file: linear PCM whose loudness can be read. */
export function canSplit(wav: Wav): boolean {
  return wav.bitsPerSample === 16 || wav.bitsPerSample === 8;
}
