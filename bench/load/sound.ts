import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseWav } from '../../src/domain/wav.ts';
import { PROJECT } from '../../src/stack/tools.ts';
import { randomOf } from '../random.ts';

/** A stretch of sound that recordings are cut from. */
export interface Sound {
  readonly samples: Buffer;
  /** Telephony's ITU-T G.711 has 8 bits a sample. */
  readonly form: 'mu-law' | 'pcm-16';
  readonly sampleRate: number;
}

/** Makes recordings of any length as slices of one stretch: no bytes are made or copied for a recording. */
export interface SoundBooth {
  /** A WAV file of a length, as parts that follow each other. The name decides its bytes. */
  record(name: string, lengthMs: number): readonly Uint8Array[];
}

const FORMATS = { 'mu-law': { code: 7, bytes: 1 }, 'pcm-16': { code: 1, bytes: 2 } } as const;
const HEADER_BYTES = 44;

export function openSoundBooth(sound: Sound): SoundBooth {
  const { samples, form, sampleRate } = sound;
  const { bytes } = FORMATS[form];
  return {
    record: (name, lengthMs) => {
      const length = Math.max(1, Math.round((lengthMs / 1000) * sampleRate)) * bytes;
      const parts: Uint8Array[] = [headerOf(length, sound)];
      let at = randomOf(name).below(samples.length / bytes) * bytes;
      // What is longer than the stretch hears it again.
      for (let left = length; left > 0; at = 0) {
        const part = samples.subarray(at, at + left);
        parts.push(part);
        left -= part.length;
      }
      return length % 2 === 1 ? [...parts, Buffer.alloc(1)] : parts;
    },
  };
}

const SILENCE = 0xff;
const NOISE_MS = 10 * 60_000;
/** Speech pauses; without pauses every cut through a recording would be as bad as any other. */
const PAUSE_EVERY_MS = 2_500;
const PAUSE_MS = 300;

/** Ten minutes of noise with pauses, for models that do not listen. */
export function noise(sampleRate: number): Sound {
  const random = randomOf(sampleRate);
  const samplesOf = (ms: number) => Math.round((ms / 1000) * sampleRate);
  const samples = Buffer.allocUnsafe(samplesOf(NOISE_MS));
  for (let at = 0; at < samples.length; at++) samples[at] = random.below(256);
  for (let at = 0; at < samples.length; at += samplesOf(PAUSE_EVERY_MS * (0.5 + random.next()))) {
    samples.fill(SILENCE, at, at + samplesOf(PAUSE_MS));
  }
  return { samples, form: 'mu-law', sampleRate };
}

const SPOKEN = ['delivery-delay', 'payment-failure', 'refund-with-card'];

/** The calls of the fixtures one after the other, a minute and a half, for models that do. */
export async function speech(): Promise<Sound> {
  const files = await Promise.all(
    SPOKEN.map(async (name) => parseWav(await readFile(join(PROJECT, 'test', 'fixtures', 'calls', `${name}.wav`)))),
  );
  return { samples: Buffer.concat(files.map(({ data }) => data)), form: 'pcm-16', sampleRate: files[0]!.sampleRate };
}

function headerOf(dataBytes: number, { form, sampleRate }: Sound): Buffer {
  const { code, bytes } = FORMATS[form];
  const header = Buffer.alloc(HEADER_BYTES);
  header.write('RIFF', 0, 'latin1');
  header.writeUInt32LE(HEADER_BYTES - 8 + dataBytes + (dataBytes % 2), 4);
  header.write('WAVEfmt ', 8, 'latin1');
  header.writeUInt32LE(16, 16);
  header.writeUInt16LE(code, 20);
  header.writeUInt16LE(1, 22);
  header.writeUInt32LE(sampleRate, 24);
  header.writeUInt32LE(sampleRate * bytes, 28);
  header.writeUInt16LE(bytes, 32);
  header.writeUInt16LE(bytes * 8, 34);
  header.write('data', 36, 'latin1');
  header.writeUInt32LE(dataBytes, 40);
  return header;
}
