import { expect, it } from 'vitest';
import { screenPicture, writtenScreen } from '../../bench/load/picture.ts';
import { noise, openSoundBooth, speech } from '../../bench/load/sound.ts';
import { inspectAudio } from '../../src/media/inspect-audio.ts';
import { inspectImage } from '../../src/media/inspect-image.ts';

// What a load sends passes the checks of intake, is the same whenever it is asked for, and differs from all else.

it('records WAV files of any length, also of more than there is of the sound', async () => {
  for (const sound of [noise(1_000), await speech()]) {
    const booth = openSoundBooth(sound);
    const record = (name: string, ms: number) => Buffer.concat(booth.record(name, ms));
    for (const ms of [1_001, 360_000, 700_000]) {
      expect(await inspectAudio(record('a', ms), 3_600_000)).toMatchObject({ mediaType: 'audio/wav', durationMs: ms });
    }
    expect(record('a', 5_000).equals(record('a', 5_000))).toBe(true);
    expect(record('a', 5_000).equals(record('b', 5_000))).toBe(false);
  }
});

it('draws screens', async () => {
  for (const draw of [screenPicture, writtenScreen]) {
    const one = await draw('a', 320, 201);
    expect(await inspectImage(one, 1_000_000)).toEqual({ mediaType: 'image/png', width: 320, height: 201 });
    expect(await draw('a', 320, 201)).toEqual(one);
    expect(await draw('b', 320, 201)).not.toEqual(one);
  }
});
