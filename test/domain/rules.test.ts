import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { loudness, splitAtPauses } from '../../src/domain/audio-split.ts';
import { chunkPassages } from '../../src/domain/chunking.ts';
import { stageTimes } from '../../src/domain/freshness.ts';
import { artifactIdOf, chunkIdOf, keyedIds } from '../../src/domain/ids.ts';
import { paceOf } from '../../src/domain/pace.ts';
import { isRepetitive } from '../../src/domain/quality.ts';
import { fuse } from '../../src/domain/rank-fusion.ts';
import { speechConfidence } from '../../src/domain/transcript.ts';
import { parseWav, sliceWav } from '../../src/domain/wav.ts';
import { retryAfterMs } from '../../src/models/openai-client.ts';
import { tone } from '../support/sound.ts';

const passage = (text: string) => ({ text, place: { kind: 'message' } as const, confidence: 1 });

describe('chunks', () => {
  it('hold every word once, in order, none longer than the limit, the same each time', () => {
    fc.assert(
      fc.property(
        fc.array(fc.string({ unit: 'grapheme', minLength: 1 }), { minLength: 1 }),
        fc.integer({ min: 20, max: 80 }),
        (words, maxCharacters) => {
          const passages = words.map(passage);
          const chunks = chunkPassages(passages, { maxCharacters });
          const squeeze = (text: string) => text.replace(/\s+/g, '');
          expect(squeeze(chunks.map(({ text }) => text).join(''))).toBe(squeeze(words.join('')));
          expect(chunks.every(({ text }) => text.length > 0 && text.length <= maxCharacters)).toBe(true);
          expect(chunks.map(({ ordinal }) => ordinal)).toEqual(chunks.map((_, index) => index));
          expect(chunkPassages(passages, { maxCharacters })).toEqual(chunks);
        },
      ),
    );
  });

  it('span the places of what they join', () => {
    const at = (startMs: number, endMs: number) => ({
      text: 'word',
      place: { kind: 'time' as const, startMs, endMs },
      confidence: startMs / 10_000,
    });
    expect(chunkPassages([at(1_000, 2_000), at(2_000, 3_500)])).toMatchObject([
      { text: 'word word', place: { kind: 'time', startMs: 1_000, endMs: 3_500 }, confidence: 0.1 },
    ]);
  });
});

describe('derived ids', () => {
  it('are the same for the same thing, and different for any other', () => {
    const ids = keyedIds(Buffer.alloc(32, 1));
    expect(ids.customerKey('default', 'ada')).toBe(ids.customerKey('default', 'ada'));
    expect(ids.customerKey('default', 'ada')).not.toBe(ids.customerKey('acme', 'ada'));
    expect(ids.customerKey('default', 'ada')).not.toBe(keyedIds(Buffer.alloc(32, 2)).customerKey('default', 'ada'));
    expect(ids.interactionId('t', 'message', 'ab')).not.toBe(ids.interactionId('t', 'messagea', 'b'));
    const artifact = {
      interactionId: 'i',
      kind: 'caption' as const,
      piece: 0,
      model: 'm',
      modelVersion: '1',
      parameters: '{}',
    };
    expect(artifactIdOf(artifact)).not.toBe(artifactIdOf({ ...artifact, modelVersion: '2' }));
    expect(chunkIdOf('a', 0)).not.toBe(chunkIdOf('a', 1));
    expect(chunkIdOf('a', 0)).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  });
});

describe('rank fusion', () => {
  const candidate = (id: string, text: number | null, vector: number | null, day: number) => ({
    id,
    eventTime: new Date(Date.UTC(2026, 0, day)),
    ranks: { text, vector, recency: 32 - day },
  });

  it('puts first what both rankings know', () => {
    const order = fuse([candidate('text', 1, null, 1), candidate('both', 3, 3, 1), candidate('vector', null, 1, 1)]);
    expect(order.map(({ id }) => id)).toEqual(['both', 'text', 'vector']);
  });

  it('orders ties by time, newest first, and never lifts a worse match over a better', () => {
    expect(fuse([candidate('old', 1, 1, 1), candidate('new', 1, 1, 2)])[0]?.id).toBe('new');
    expect(fuse([candidate('good and old', 1, 1, 1), candidate('poor and new', 30, null, 31)])[0]?.id).toBe(
      'good and old',
    );
  });

  it('does not depend on the order in which candidates come', () => {
    fc.assert(
      fc.property(fc.shuffledSubarray([1, 2, 3, 4, 5, 6], { minLength: 6 }), (order) => {
        const ids = fuse(order.map((n) => candidate(`c${n}`, n % 3 || null, n % 2 || null, 1 + (n % 2)))).map(
          ({ id }) => id,
        );
        const again = fuse(
          [1, 2, 3, 4, 5, 6].map((n) => candidate(`c${n}`, n % 3 || null, n % 2 || null, 1 + (n % 2))),
        ).map(({ id }) => id);
        expect(ids).toEqual(again);
      }),
    );
  });
});

describe('freshness stages', () => {
  it('add up to the total, and are unknown while a stamp is missing', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(1e6), { minLength: 5, maxLength: 5 }), (gaps) => {
        let at = 0;
        const [capturedAt, acceptedAt, pickedUpAt, transformedAt, reachableAt] = gaps.map(
          (gap) => new Date((at += gap)),
        ) as [Date, Date, Date, Date, Date];
        const stages = stageTimes({ capturedAt, acceptedAt, pickedUpAt, transformedAt, reachableAt });
        expect(stages.ingestMs! + stages.streamMs! + stages.transformMs! + stages.indexMs!).toBe(stages.totalMs);
        expect(
          stageTimes({ capturedAt, acceptedAt, pickedUpAt: null, transformedAt, reachableAt }).streamMs,
        ).toBeNull();
      }),
    );
  });
});

describe('transcript quality', () => {
  it('holds back loops and silence, and lets people repeat themselves', () => {
    expect(isRepetitive('thank you '.repeat(20))).toBe(true);
    expect(isRepetitive('no no no, please no')).toBe(false);
  });

  it('has a confidence between 0 and 1 for any numbers of a model', () => {
    fc.assert(
      fc.property(fc.float({ noNaN: true }), fc.float({ min: 0, max: 1, noNaN: true }), (logprob, silence) => {
        const confidence = speechConfidence(logprob, silence);
        expect(confidence >= 0 && confidence <= 1).toBe(true);
      }),
    );
  });
});

describe('a recording', () => {
  it('is cut into pieces that put together are the recording, bit for bit', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 80 }), fc.integer({ min: 5_000, max: 40_000 }), (seconds, targetMs) => {
        const wav = parseWav(tone(seconds, [7, 21, 34], 1_000));
        const pieces = splitAtPauses(loudness(wav), wav.durationMs, targetMs);
        const joined = pieces.map(({ startMs, endMs }) => parseWav(sliceWav(wav, startMs, endMs)).data);
        expect(Buffer.compare(Buffer.concat(joined), Buffer.from(wav.data))).toBe(0);
        expect(pieces.map(({ index }) => index)).toEqual(pieces.map((_, index) => index));
      }),
    );
  });

  it('is refused when it is cut short anywhere', () => {
    const whole = tone(0.1, [], 1_000);
    for (let length = 0; length < whole.length; length++)
      expect(() => parseWav(whole.subarray(0, length))).toThrow(/audio/);
  });
});

describe('Retry-After', () => {
  it('is read as seconds and as a date, and bounded', () => {
    const wait = (value: string) =>
      retryAfterMs(new Headers({ 'retry-after': value }), Date.parse('2026-01-01T00:00:00Z'));
    expect(wait('3')).toBe(3_000);
    expect(wait('Thu, 01 Jan 2026 00:00:10 GMT')).toBe(10_000);
    expect(wait('86400')).toBe(3_600_000);
    expect(wait('soon')).toBeUndefined();
  });
});

describe('the pace of a stretch of work', () => {
  it('foretells its end from what is done, and nothing before the first row', () => {
    const now = Date.parse('2026-01-05T09:00:00Z');
    expect(paceOf(50, 25_000, 100, now)).toEqual({ perSecond: 2, estimatedEnd: '2026-01-05T09:00:50.000Z' });
    expect(paceOf(50, 25_000, -3, now).estimatedEnd).toBe('2026-01-05T09:00:00.000Z');
    for (const [done, elapsedMs] of [
      [0, 25_000],
      [50, 0],
    ] as const) {
      expect(paceOf(done, elapsedMs, 100, now)).toEqual({ perSecond: null, estimatedEnd: null });
    }
  });
});
