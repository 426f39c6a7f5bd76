import { describe, expect, it } from 'vitest';
import { nextSegment, tiersOf, type Segment } from '../../src/domain/index-segments.ts';

describe('the tiers of an index', () => {
  it.each<[string, Segment[]]>([
    ['none', []],
    [
      'a row of segments',
      [
        { from: 0, until: 5 },
        { from: 5, until: 9 },
      ],
    ],
    [
      'a gap, and a beginning that is nowhere',
      [
        { from: 3, until: 5 },
        { from: 8, until: 9 },
      ],
    ],
    [
      'some that overlap',
      [
        { from: 0, until: 9 },
        { from: 0, until: 4 },
        { from: 4, until: 12 },
        { from: 9, until: 10 },
      ],
    ],
  ])('hold each number once: %s', (_what, segments) => {
    const { sealed, exact } = tiersOf(segments);
    const holding = (n: number) =>
      [...sealed, ...exact].filter(({ from, until }) => n >= from && (until === null || n < until)).length;
    expect(Array.from({ length: 20 }, (_, n) => holding(n))).toEqual(Array(20).fill(1));
    for (const segment of sealed) expect(segments).toContainEqual(segment);
  });
});

describe('sealing', () => {
  const rules = { afterRows: 10, maxSegments: 8 };

  it('waits for enough', () => {
    expect(nextSegment([], { rows: 9, until: 9 }, rules)).toBeNull();
    expect(nextSegment([], { rows: 10, until: 10 }, rules)).toEqual({ from: 0, until: 10 });
  });

  it('keeps few segments, and builds each vector into few graphs', () => {
    let segments: (Segment & { rows: number })[] = [];
    let built = 0;
    const rounds = 1_000;
    for (let until = 10; until <= rounds * 10; until += 10) {
      const next = nextSegment(segments, { rows: 10, until }, rules)!;
      segments = [...segments.filter((each) => each.from < next.from), { ...next, rows: next.until - next.from }];
      built += next.until - next.from;
      expect(segments.length).toBeLessThanOrEqual(rules.maxSegments);
      expect([segments[0]!.from, segments.at(-1)!.until]).toEqual([0, until]);
    }
    expect(built / (rounds * 10)).toBeLessThan(6);
  });
});
