import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { inspectAudio } from '../../src/media/inspect-audio.ts';
import { tone } from '../support/sound.ts';

const MAX_DURATION_MS = 60_000;
const inspect = (bytes: Uint8Array) => inspectAudio(bytes, MAX_DURATION_MS);
const sound = (name: string) => readFileSync(new URL(`./sounds/${name}`, import.meta.url));

/**
 * All of the same 1.5 s of speech; encoders pad by some frames. At a seam the rest is missing and the file does not say
 * so: the last frame of an MP3, the index of a fragmented MP4, the later clusters of a recording browser.
 */
const SOUNDS = [
  { name: 'mu-law.wav', mediaType: 'audio/wav' },
  { name: 'a-law.wav', mediaType: 'audio/wav' },
  { name: 'speech.mp3', mediaType: 'audio/mpeg', seam: 3_393 },
  { name: 'speech.ogg', mediaType: 'audio/ogg' },
  { name: 'speech.opus', mediaType: 'audio/ogg' },
  { name: 'speech.flac', mediaType: 'audio/flac' },
  { name: 'speech.m4a', mediaType: 'audio/x-m4a' },
  { name: 'fragmented.mp4', mediaType: 'video/mp4', seam: 4_399 },
  { name: 'speech.webm', mediaType: 'video/webm' },
  { name: 'browser.webm', mediaType: 'video/webm', seam: 2_538 },
];

describe.each(SOUNDS)('$name', ({ name, mediaType, seam }) => {
  it('is known by its bytes, with its length', async () => {
    const facts = await inspect(sound(name));
    expect(facts.mediaType).toBe(mediaType);
    expect(facts.durationMs).toBeGreaterThanOrEqual(1_500);
    expect(facts.durationMs).toBeLessThan(1_700);
  });

  it('is refused when it is cut short', async () => {
    const whole = sound(name);
    const lengths = fc.nat(whole.length - 1).filter((length) => length !== seam);
    await fc.assert(
      fc.asyncProperty(lengths, async (length) => {
        await expect(inspect(whole.subarray(0, length))).rejects.toMatchObject({
          // Too short to be known at all, or known and broken off.
          code: expect.stringMatching(/^(unsupported_format|malformed_media)$/) as string,
          fields: [{ field: 'audio' }],
        });
      }),
      { examples: [0, 0.3, 0.6, 0.95].map((part) => [Math.floor(part * whole.length)]) },
    );
  });

  it('never fails in another way, whichever of its bytes are wrong', async () => {
    const whole = sound(name);
    const change = fc.tuple(fc.nat(whole.length - 1), fc.nat(255));
    await fc.assert(
      fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 20 }), async (changes) => {
        const damaged = Uint8Array.from(whole);
        for (const [offset, byte] of changes) damaged[offset] = byte;
        const facts = await inspect(damaged).catch((error: unknown) => error);
        expect(facts).toMatchObject(
          facts instanceof Error ? { name: 'EarshotError' } : { durationMs: expect.any(Number) as number },
        );
      }),
    );
  });
});

describe('a sound file', () => {
  it.each([
    ['speech.ogg', 3_409],
    ['speech.opus', 2_074],
    ['speech.flac', 19_639],
    ['speech.flac', 32_846],
  ])('is refused when it is cut exactly between two frames: %s', async (name, length) => {
    await expect(inspect(sound(name).subarray(0, length))).rejects.toMatchObject({ code: 'malformed_media' });
  });

  it.each([
    ['nothing', Buffer.alloc(0)],
    ['zeros', Buffer.alloc(4_096)],
    ['a page', Buffer.from('<!doctype html><audio src="x.wav">')],
    ['a playlist, which a decoder would follow', Buffer.from('#EXTM3U\n#EXTINF:10,\nfile:///etc/passwd\n')],
    ['a page with a sound behind it', Buffer.concat([Buffer.from('<html>'), tone(1)])],
    ['compressed samples in a WAV file', sound('adpcm.wav')],
  ])('is not what is taken: %s', async (_, bytes) => {
    await expect(inspect(bytes)).rejects.toMatchObject({ code: 'unsupported_format', fields: [{ field: 'audio' }] });
  });

  it.each([
    ['a header alone', tone(1).subarray(0, 44)],
    ['no samples', tone(0)],
    ['no channel', patched(tone(1), 22, 0)],
    ['the header of a FLAC file', sound('speech.flac').subarray(0, 200)],
  ])('is damaged: %s', async (_, bytes) => {
    await expect(inspect(bytes)).rejects.toMatchObject({ code: 'malformed_media', fields: [{ field: 'audio' }] });
  });

  it('is refused when it is too long', async () => {
    await expect(inspectAudio(tone(2), 1_999)).rejects.toMatchObject({ code: 'too_large' });
    await expect(inspectAudio(sound('browser.webm'), 1_499)).rejects.toMatchObject({ code: 'too_large' });
    expect(await inspectAudio(tone(2), 2_000)).toMatchObject({ durationMs: 2_000 });
  });

  it('does not hide its length behind a header that claims less', async () => {
    const webm = sound('speech.webm');
    const duration = webm.indexOf(Buffer.from([0x44, 0x89, 0x88]));
    webm.writeDoubleBE(1, duration + 3);
    expect((await inspect(webm)).durationMs).toBeGreaterThanOrEqual(1_500);
  });
});

function patched(bytes: Buffer, offset: number, value: number): Buffer {
  bytes.writeUInt16LE(value, offset);
  return bytes;
}
