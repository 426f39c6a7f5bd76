import { describe, expect, it } from 'vitest';
import { hiddenBoxes } from '../../src/domain/hidden-boxes.ts';
import { hiddenTimes } from '../../src/domain/hidden-sound.ts';
import type { Passage } from '../../src/domain/transcript.ts';
import { hiddenInSound, type PieceAnswer } from '../../src/redacted-media/redact-sound.ts';

const NUMBER = ['4539', '1488', '0343', '6467'];

/** Words of half a second each, from a moment on. */
const spoken = (text: string, fromMs: number) =>
  text.split(' ').map((word, index) => ({
    text: word,
    startMs: fromMs + 500 * index,
    endMs: fromMs + 500 * (index + 1),
  }));

const passage = (text: string, startMs: number, endMs: number): Passage => ({
  text,
  place: { kind: 'time', startMs, endMs },
  confidence: 0.9,
});

const record = {
  interaction_id: '',
  customer_key: '',
  key_generation: 1,
  segment_index: null,
  raw_object: 'key',
  raw_bytes: 1,
  media_type: 'audio/wav',
  duration_ms: 20_000,
  answers: [],
  current: null,
};

const piece = (index: number, text: string, fields: Partial<PieceAnswer> = {}): PieceAnswer => ({
  sealedObject: `piece-${index}`,
  piece: index,
  model: 'm',
  state: 'active',
  parameters: { startMs: index * 10_000, endMs: (index + 1) * 10_000 },
  passages: [passage(text, index * 10_000, (index + 1) * 10_000)],
  words: spoken(text, index * 10_000),
  originMs: 0,
  ...fields,
});

describe('where a recording is silent', () => {
  const said = `My card is ${NUMBER.join(' ')} thanks`;

  it('is from the first to the last word of a value', () => {
    const words = spoken(said, 0);
    expect(hiddenTimes({ passages: [passage(said, 0, 9_000)], words })).toEqual([
      { type: 'card', startMs: 1_500, endMs: 3_500 },
    ]);
  });

  it.each([
    ['the endpoint tells no words', undefined],
    ['its words are not the transcript’s', spoken(said.replace('thanks', 'thank you'), 0)],
  ])('is the whole passage where %s', (_, words) => {
    expect(hiddenTimes({ passages: [passage(said, 1_000, 9_000)], words })).toEqual([
      { type: 'card', startMs: 1_000, endMs: 9_000 },
    ]);
  });

  it('holds a long number that was misheard, so that its check digit is wrong', () => {
    const misheard = 'My card is 555-555555454444 thanks';
    const words = spoken(misheard, 0);
    expect(hiddenTimes({ passages: [passage(misheard, 0, 9_000)], words })).toEqual([
      { type: 'card', startMs: 1_500, endMs: 2_000 },
    ]);
  });

  it('reaches over the cut between two pieces in which a number was said', () => {
    const pieces = [
      piece(0, `the number is ${NUMBER.slice(0, 2).join(' ')}`),
      piece(1, `${NUMBER.slice(2).join(' ')} ok`),
    ];
    expect(hiddenInSound(record, pieces, 0)).toContainEqual({ type: 'card', startMs: 1_500, endMs: 11_000 });
  });

  it('is all that no transcript in service vouches for', () => {
    const quarantined = piece(1, 'mumble', { state: 'quarantined' });
    expect(hiddenInSound(record, [piece(0, 'hello there'), quarantined], 250)).toEqual([
      { type: 'unheard', startMs: 10_000, endMs: 20_000 },
    ]);
    expect(() => hiddenInSound(record, [quarantined], 250)).toThrow('no part of the recording was understood');
  });

  it('counts from the start of the recording, also of a segment in the middle of a call', () => {
    const segment = { ...record, segment_index: 3, duration_ms: 10_000 };
    const inCall = { passages: [passage(said, 60_000, 69_000)], words: spoken(said, 60_000) };
    const heard = piece(0, said, { ...inCall, originMs: 60_000 });
    expect(hiddenInSound(segment, [heard], 100)).toEqual([{ type: 'card', startMs: 1_400, endMs: 3_600 }]);
    const { originMs: _, ...unknown } = heard;
    expect(() => hiddenInSound(segment, [unknown], 100)).toThrow('is not known');
  });
});

describe('where a picture is masked', () => {
  const line = (text: string, y: number, confidence = 0.99): Passage => ({
    text,
    place: { kind: 'box', x: 100, y, width: 400, height: 20 },
    confidence,
  });
  const margins = { percent: 50, wholeLineBelow: 0.8 };

  it('is the part of a line that holds a value, the whole of a line that was hard to read, and each line of a value', () => {
    const [part, ...more] = hiddenBoxes([line(`Paid with the card ${NUMBER.join(' ')}`, 0)], margins);
    expect(more).toEqual([]);
    expect(part).toMatchObject({ type: 'card', y: -5, height: 30 });
    expect(part!.x).toBeGreaterThan(200);
    expect(part!.x + part!.width).toBeGreaterThanOrEqual(510);
    const [whole] = hiddenBoxes([line(`Paid with the card ${NUMBER.join(' ')}`, 0, 0.5)], margins);
    expect(whole!.x).toBeLessThan(100);
    expect(whole!.x + whole!.width).toBeGreaterThan(500);
    const split = hiddenBoxes([line(NUMBER.slice(0, 2).join(' '), 0), line(NUMBER.slice(2).join(' '), 40)], margins);
    expect(split.map(({ y }) => y)).toEqual([-5, 35]);
  });
});
