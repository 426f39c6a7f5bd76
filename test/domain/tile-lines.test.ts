import { describe, expect, it } from 'vitest';
import { joinTexts, joinTiles } from '../../src/domain/tile-lines.ts';
import type { Passage } from '../../src/domain/transcript.ts';

const line = (text: string, x: number, y: number, width: number, height = 20): Passage => {
  return { text, place: { kind: 'box', x, y, width, height }, confidence: 0.9 };
};
const texts = (passages: Passage[]) => passages.map(({ text }) => text);

describe('lines of tiles', () => {
  it('that two tiles hold come once, the whole one', () => {
    const upper = [line('Order 1', 10, 0, 200), line('Order 2', 10, 100, 200), line('Order 3', 10, 130, 200, 9)];
    const lower = [line('Order 2', 11, 101, 199), line('Order 3', 10, 130, 201), line('Order 4', 10, 160, 200)];
    const joined = joinTiles([upper, lower]);
    expect(texts(joined)).toEqual(['Order 1', 'Order 2', 'Order 3', 'Order 4']);
    expect(joined[2]!.place).toMatchObject({ y: 130, height: 20 });
  });

  it('that run from tile to tile are joined, with the box of both', () => {
    const tiles = [[line('Your card 4539 14', 10, 50, 490)], [line('rd 4539 1488 0343 6467', 400, 51, 300)]];
    const [joined, ...rest] = joinTiles(tiles);
    expect(rest).toEqual([]);
    expect(joined).toMatchObject({ text: 'Your card 4539 1488 0343 6467', place: { x: 10, width: 690 } });
  });

  it('of one tile stay as they are, and so do different texts at one place', () => {
    const one = [line('Total', 10, 0, 80), line('Total', 10, 5, 80)];
    expect(joinTiles([one])).toEqual(one);
    expect(texts(joinTiles([[line('Total', 10, 0, 80)], [line('Checkout', 10, 0, 80)]]))).toEqual([
      'Total',
      'Checkout',
    ]);
  });

  it.each([
    ['the payment was declined', 'was declined by the bank', 'the payment was declined by the bank'],
    ['the payment was decl', 'yment was declined by the bank', 'the payment was declined by the bank'],
    ['Card: 4539 1488', 'd: 4539 1488 0343 6467', 'Card: 4539 1488 0343 6467'],
    ['Card: 4539 14', 'd: 4539 1488 0343 6467', 'Card: 4539 1488 0343 6467'],
    ['the payment', 'by the bank', 'the payment by the bank'],
  ])('"%s" and "%s" are "%s"', (left, right, whole) => {
    expect(joinTexts(left, right)).toBe(whole);
  });
});
