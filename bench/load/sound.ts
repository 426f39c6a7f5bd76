import { randomOf } from '../random.ts';

/** Telephony: ITU-T G.711, mu-law, 8 bits a sample. */
const MU_LAW = 7;
const SILENCE = 0xff;
/** Speech pauses; without pauses every cut through a recording would be as bad as any other. */
const PAUSE_EVERY_MS = 2_500;
const PAUSE_MS = 300;
const HEADER_BYTES = 44;

/** Makes recordings of any length as slices of one stretch of noise: no bytes are made or copied for a recording. */
export interface SoundBooth {
  /** A WAV file of a length, as parts that follow each other. The name decides its bytes. */
  record(name: string, lengthMs: number): readonly Uint8Array[];
}

export function openSoundBooth(sampleRate: number, longestMs: number): SoundBooth {
  const longest = Math.ceil((longestMs / 1000) * sampleRate);
  const noise = noiseOf(longest * 2, sampleRate);
  return {
    record: (name, lengthMs) => {
      const length = Math.max(1, Math.min(Math.round((lengthMs / 1000) * sampleRate), longest));
      const start = randomOf(name).below(noise.length - length);
      const padding = length % 2 === 1 ? [Buffer.alloc(1)] : [];
      return [headerOf(length, sampleRate), noise.subarray(start, start + length), ...padding];
    },
  };
}

function noiseOf(samples: number, sampleRate: number): Buffer {
  const random = randomOf(samples);
  const noise = Buffer.allocUnsafe(samples + 4);
  for (let at = 0; at < samples; at += 4) noise.writeUInt32LE(Math.floor(random.next() * 2 ** 32), at);
  const every = Math.round((PAUSE_EVERY_MS / 1000) * sampleRate);
  const pause = Math.round((PAUSE_MS / 1000) * sampleRate);
  for (let at = 0; at < samples; at += Math.round(every * (0.5 + random.next()))) noise.fill(SILENCE, at, at + pause);
  return noise.subarray(0, samples);
}

function headerOf(dataBytes: number, sampleRate: number): Buffer {
  const header = Buffer.alloc(HEADER_BYTES);
  header.write('RIFF', 0, 'latin1');
  header.writeUInt32LE(HEADER_BYTES - 8 + dataBytes + (dataBytes % 2), 4);
  header.write('WAVEfmt ', 8, 'latin1');
  header.writeUInt32LE(16, 16);
  header.writeUInt16LE(MU_LAW, 20);
  header.writeUInt16LE(1, 22);
  header.writeUInt32LE(sampleRate, 24);
  header.writeUInt32LE(sampleRate, 28);
  header.writeUInt16LE(1, 32);
  header.writeUInt16LE(8, 34);
  header.write('data', 36, 'latin1');
  header.writeUInt32LE(dataBytes, 40);
  return header;
}
