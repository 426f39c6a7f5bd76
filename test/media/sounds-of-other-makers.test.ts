import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { inspectAudio } from '../../src/media/inspect-audio.ts';
import { tone } from '../support/sound.ts';

const inspect = (bytes: Uint8Array) => inspectAudio(bytes, 60_000);
const sound = (name: string) => readFileSync(new URL(`./sounds/${name}`, import.meta.url));

/** An ID3v2 tag of one title, with padding, as players write it before the sound. */
const TITLE = Buffer.concat([
  Buffer.from('ID3\x04\0\0\0\0\x01\0TIT2\0\0\0\x05\0\0\x03call', 'latin1'),
  Buffer.alloc(113),
]);
const OLD_TITLE = Buffer.concat([Buffer.from('TAG'), Buffer.alloc(125, 'call')]);
const VOID = Buffer.from([0xec, 0x84, 0, 0, 0, 0]);

describe('a whole recording', () => {
  it.each([
    ['MP3 with tags before and behind', Buffer.concat([TITLE, sound('speech.mp3'), OLD_TITLE]), 1_656],
    ['MP3 with two tags before', Buffer.concat([TITLE, TITLE, sound('speech.mp3')]), 1_656],
    ['MP3 that does not count its frames', withoutAccount(sound('speech.mp3')), 1_656],
    ['MP4 with unused room at its end', Buffer.concat([sound('speech.m4a'), box('free', 5_000)]), 1_600],
    ['FLAC whose encoder did not know the length', withoutSampleCount(sound('speech.flac')), 1_536],
    ['WebM with unused room at its end', Buffer.concat([sound('browser.webm'), VOID]), 1_541],
    ['WAV whose format stands in its extension', extensible(1), 1_000],
    ['WAV with a title before its sound', withChunk(tone(1), 'LIST', 27), 1_000],
    ['WAV with a title behind its sound', Buffer.concat([tone(1), box('LIST', 0)]), 1_000],
  ])('is taken with its length: %s', async (_, bytes, durationMs) => {
    expect((await inspect(bytes)).durationMs).toBe(durationMs);
  });

  it.each([
    ['MPEG 1, 128 kbit/s, 44.1 kHz, stereo', 0xfffb9004, 417, 1152 / 44.1],
    ['MPEG 1, 128 kbit/s, 44.1 kHz, padded', 0xfffb9204, 418, 1152 / 44.1],
    ['MPEG 1, 320 kbit/s, 48 kHz', 0xfffbe404, 960, 24],
    ['MPEG 1, 64 kbit/s, 32 kHz, one channel', 0xfffb58c4, 288, 36],
    ['MPEG 2, 64 kbit/s, 22.05 kHz', 0xfff38004, 208, 576 / 22.05],
    ['MPEG 2.5, 8 kbit/s, 8 kHz', 0xffe318c4, 72, 72],
  ])('is taken in every form of MP3, and refused when a frame breaks off: %s', async (_, header, bytes, frameMs) => {
    const recording = Buffer.alloc(bytes * 50);
    for (let offset = 0; offset < recording.length; offset += bytes) recording.writeUInt32BE(header, offset);
    expect((await inspect(recording)).durationMs).toBeCloseTo(50 * frameMs, -1);
    for (const length of [bytes * 30 - 1, bytes * 30 + 2, recording.length - 1]) {
      await expect(inspect(recording.subarray(0, length))).rejects.toMatchObject({ code: 'malformed_media' });
    }
  });
});

it('a WAV file of compressed samples is refused, though its format stands in its extension', async () => {
  await expect(inspect(extensible(2))).rejects.toMatchObject({ code: 'unsupported_format' });
});

describe('a file made to keep the reader busy', () => {
  const SIZE = 32 * 1024 * 1024;
  /** Frame headers with a right checksum. */
  const FRAME_STARTS = Buffer.alloc(500_000, Buffer.from('fff869180000bf', 'hex'));
  const filled = (start: Buffer, unit: Buffer) => Buffer.concat([start, Buffer.alloc(SIZE, unit)]);

  it.each([
    ['WebM of empty elements', filled(sound('browser.webm'), Buffer.from([0xec, 0x80]))],
    ['MP4 of empty boxes', filled(sound('speech.m4a'), box('free', 0))],
    ['FLAC of starts of frames', Buffer.concat([sound('speech.flac'), FRAME_STARTS, Buffer.alloc(500_000)])],
  ])('is refused in bounded time: %s', { timeout: 10_000 }, async (_, bytes) => {
    await expect(inspect(bytes)).rejects.toMatchObject({ code: 'malformed_media' });
  });
});

/** A box of MP4, or an empty chunk of WAV. */
function box(name: string, contentBytes: number): Buffer {
  const header = Buffer.alloc(8 + contentBytes);
  header.writeUInt32BE(header.length);
  header.write(name, 4);
  return header;
}

/** The name of the encoder's account overwritten, so that its frame is one of silence. */
function withoutAccount(mp3: Buffer): Buffer {
  return mp3.fill(0, mp3.indexOf('Info'), mp3.indexOf('Info') + 4);
}

function withoutSampleCount(flac: Buffer): Buffer {
  flac.writeUInt8(flac.readUInt8(21) & 0xf0, 21);
  flac.writeUInt32BE(0, 22);
  return flac;
}

/** The same sound with a longer format chunk, which gives the format at its end. */
function extensible(format: number): Buffer {
  const wav = tone(1);
  const chunk = Buffer.alloc(48);
  wav.copy(chunk, 0, 12, 36);
  chunk.writeUInt32LE(40, 4);
  chunk.writeUInt16LE(0xfffe, 8);
  chunk.writeUInt16LE(22, 24);
  chunk.writeUInt16LE(16, 26);
  chunk.writeUInt16LE(format, 32);
  return Buffer.concat([wav.subarray(0, 12), chunk, wav.subarray(36)]);
}

/** With a chunk before the samples; one of odd length is followed by a zero. */
function withChunk(wav: Buffer, name: string, contentBytes: number): Buffer {
  const chunk = Buffer.alloc(8 + contentBytes + (contentBytes % 2));
  chunk.write(name, 0);
  chunk.writeUInt32LE(contentBytes, 4);
  return Buffer.concat([wav.subarray(0, 36), chunk, wav.subarray(36)]);
}
