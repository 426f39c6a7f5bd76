import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { loudness, splitAtPauses } from '../../src/domain/audio-split.ts';
import { parseWav, sliceWav, type Wav } from '../../src/domain/wav.ts';
import { tone } from '../support/sound.ts';

const TARGET_MS = 30_000;

describe('pieces of a recording', () => {
  const levels = fc.array(fc.float({ min: 0, max: 1, noNaN: true }), { minLength: 1, maxLength: 6_000 });

  it('follow each other without gap or overlap, none too short and none too long', () => {
    fc.assert(
      fc.property(levels, fc.integer({ min: 1_000, max: 40_000 }), (frames, targetMs) => {
        const durationMs = frames.length * 20;
        const pieces = splitAtPauses(frames, durationMs, targetMs);
        expect(pieces[0]?.startMs).toBe(0);
        expect(pieces.at(-1)?.endMs).toBe(durationMs);
        for (const [index, piece] of pieces.entries()) {
          const length = piece.endMs - piece.startMs;
          expect(piece.index).toBe(index);
          expect(piece.startMs).toBe(pieces[index - 1]?.endMs ?? 0);
          expect(length).toBeLessThanOrEqual(targetMs * 1.5);
          expect(pieces.length === 1 || length >= targetMs / 2 - 20 || index === pieces.length - 1).toBe(true);
        }
        expect(splitAtPauses(frames, durationMs, targetMs)).toEqual(pieces);
      }),
    );
  });

  it.each([28.5, 30, 33])('are cut in the pause at %d s', (pause) => {
    const wav = parseWav(tone(60, [pause], 2_000));
    const [first] = splitAtPauses(loudness(wav), wav.durationMs, TARGET_MS);
    expect(Math.abs((first?.endMs ?? 0) - pause * 1_000)).toBeLessThanOrEqual(150);
  });

  it('are cut where both speakers pause, not where only the first channel does', () => {
    const wav = stereo(tone(60, [29, 32], 2_000), tone(60, [32], 2_000));
    const [first] = splitAtPauses(loudness(wav), wav.durationMs, TARGET_MS);
    expect(Math.abs((first?.endMs ?? 0) - 32_000)).toBeLessThanOrEqual(150);
  });

  it('are whole sound files of the same form', () => {
    for (const name of ['mu-law.wav', 'a-law.wav']) {
      const wav = parseWav(sound(name));
      const { data, ...form } = parseWav(sliceWav(wav, 100, 600));
      expect(form).toMatchObject({ form: wav.form, sampleRate: 8_000, channels: 1, durationMs: 500 });
      expect(Buffer.compare(data, wav.data.subarray(800, 4_800))).toBe(0);
    }
  });
});

describe('loudness', () => {
  it.each(['pcm-8', 'pcm-24', 'pcm-32', 'float-32'] as const)('is the same for the same sound in %s', (form) => {
    const wav = parseWav(tone(1, [0.5]));
    const other = rewritten(wav, form);
    for (const [index, level] of loudness(other).entries()) expect(level).toBeCloseTo(loudness(wav)[index] ?? NaN, 2);
  });

  it('of companded telephone sound matches its linear form', () => {
    const linear = loudness(parseWav(sound('../../fixtures/calls/payment-failure.wav'))).slice(0, 75);
    for (const name of ['mu-law.wav', 'a-law.wav']) {
      const companded = loudness(parseWav(sound(name)));
      expect(companded.length).toBe(75);
      // Half the sample rate loses the hiss of consonants, so single frames differ more than the whole.
      expect(mean(companded)).toBeCloseTo(mean(linear), 2);
    }
  });

  it('stays in step with the recording at any sample rate', () => {
    for (const sampleRate of [8_000, 11_025, 44_100]) {
      expect(loudness(parseWav(tone(60, [], sampleRate)))).toHaveLength(3_000);
    }
  });

  it('of silence is nothing', () => {
    expect(Math.max(...loudness(parseWav(sound('../../fixtures/calls/silence.wav'))))).toBeLessThan(0.001);
  });
});

const sound = (name: string) => readFileSync(new URL(`../media/sounds/${name}`, import.meta.url));

const mean = (values: readonly number[]) => values.reduce((total, value) => total + value, 0) / values.length;

function stereo(left: Buffer, right: Buffer): Wav {
  const [one, two] = [parseWav(left), parseWav(right)];
  const data = Buffer.alloc(one.data.length * 2);
  for (let offset = 0; offset < one.data.length; offset += 2) {
    data.set(one.data.subarray(offset, offset + 2), offset * 2);
    data.set(two.data.subarray(offset, offset + 2), offset * 2 + 2);
  }
  return { ...one, channels: 2, frameBytes: 4, data };
}

/** The 16-bit samples of a recording in another form. */
function rewritten(wav: Wav, form: 'pcm-8' | 'pcm-24' | 'pcm-32' | 'float-32'): Wav {
  const source = Buffer.from(wav.data);
  const bits = { 'pcm-8': 8, 'pcm-24': 24, 'pcm-32': 32, 'float-32': 32 }[form];
  const data = Buffer.alloc((source.length / 2) * (bits / 8));
  for (let index = 0; index < source.length / 2; index++) {
    const sample = source.readInt16LE(index * 2);
    const offset = index * (bits / 8);
    if (form === 'pcm-8') data.writeUInt8((sample >> 8) + 128, offset);
    else if (form === 'float-32') data.writeFloatLE(sample / 32_768, offset);
    else data.writeIntLE(sample * 2 ** (bits - 16), offset, bits / 8);
  }
  return { ...wav, form, bitsPerSample: bits, frameBytes: bits / 8, data };
}
