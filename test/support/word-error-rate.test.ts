import { describe, expect, it } from 'vitest';
import { wordErrorRate } from './word-error-rate.ts';

describe('the word error rate', () => {
  it.each([
    ['Thank you.', 'thank you', 0],
    ['the parcel has not arrived', 'the parcel has arrived', 1 / 5],
    ['the parcel has arrived', 'the red parcel has arrived', 1 / 4],
    ['the parcel has arrived', 'the partial has arrived', 1 / 4],
    ['a refund', '', 1],
    ['four five, three nine', '4539', 0],
    ['code PAY four zero one two', 'code PAY-4012', 0],
    ['code PAY four zero one two', 'code pay4012', 0],
    ['within five days', 'within 5 days', 0],
    ['four five three nine', '45 30', 1 / 4],
  ])('of "%s" recognised as "%s" is %d', (said, recognised, rate) => {
    expect(wordErrorRate(said, recognised)).toBe(rate);
  });
});
