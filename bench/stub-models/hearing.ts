import { createHash } from 'node:crypto';
import { randomOf } from '../random.ts';
import { sentence } from '../support-talk.ts';

/** People say two to three words a second. */
const WORDS_PER_SECOND = 2.4;

/** Bytes per second of compressed speech, by which the length of what is no WAV is guessed. */
const COMPRESSED_BYTES_PER_SECOND = 4_000;

/** The `verbose_json` answer of OpenAI's transcription: made-up speech that the bytes decide, as long as the sound. */
export function transcriptOf(audio: Buffer, wantsWords: boolean): Record<string, unknown> {
  const duration = secondsOf(audio);
  const random = randomOf(createHash('sha1').update(audio).digest().readUInt32BE());
  const segments: Record<string, unknown>[] = [];
  const words: { word: string; start: number; end: number }[] = [];
  for (let start = 0; start < duration;) {
    const text = sentence(random);
    const spoken = text.split(' ');
    const end = Math.min(start + spoken.length / WORDS_PER_SECOND, duration);
    const each = (end - start) / spoken.length;
    segments.push({
      id: segments.length,
      seek: 0,
      start: rounded(start),
      end: rounded(end),
      text: ` ${text}`,
      tokens: [],
      temperature: 0,
      avg_logprob: -0.1 - 0.25 * random.next(),
      compression_ratio: 1.4,
      no_speech_prob: 0.01 + 0.04 * random.next(),
    });
    spoken.forEach((word, index) =>
      words.push({ word, start: rounded(start + index * each), end: rounded(start + (index + 1) * each) }),
    );
    start = end;
  }
  return {
    task: 'transcribe',
    language: 'english',
    duration,
    text: segments
      .map(({ text }) => text as string)
      .join('')
      .trim(),
    segments,
    usage: { type: 'duration', seconds: Math.round(duration) },
    ...(wantsWords ? { words } : {}),
  };
}

/** Length of a WAV by its header, of anything else by its size. */
export function secondsOf(audio: Buffer): number {
  if (audio.length < 44 || audio.toString('latin1', 0, 4) !== 'RIFF') return audio.length / COMPRESSED_BYTES_PER_SECOND;
  let bytesPerSecond = COMPRESSED_BYTES_PER_SECOND;
  for (let offset = 12; offset + 8 <= audio.length;) {
    const name = audio.toString('latin1', offset, offset + 4);
    const size = audio.readUInt32LE(offset + 4);
    if (name === 'fmt ') bytesPerSecond = audio.readUInt32LE(offset + 16);
    if (name === 'data') return Math.min(size, audio.length - offset - 8) / bytesPerSecond;
    offset += 8 + size + (size % 2);
  }
  return audio.length / bytesPerSecond;
}

function rounded(seconds: number): number {
  return Math.round(seconds * 1000) / 1000;
}
