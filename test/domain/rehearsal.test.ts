import { describe, expect, it } from 'vitest';
import { percentileOf } from '../../src/domain/percentile.ts';
import {
  manyTimes,
  placesNeeded,
  rehearse,
  restOf,
  type RehearsedRecord,
  type Servers,
} from '../../src/domain/rehearsal.ts';

const record = (arrivedMs: number, piecesMs: number[], measuredMs: number | null = null): RehearsedRecord => ({
  ...{ arrivedMs, piecesMs, measuredMs, capturedAgoMs: 0 },
});
const ONE: Servers = { places: 1, together: 1, perRecord: Infinity };
/** One each so many milliseconds, each as much work. */
const steady = (count: number, everyMs: number, takesMs: number) =>
  Array.from({ length: count }, (_, index) => record(index * everyMs, [takesMs]));

describe('a rehearsed queue', () => {
  it('holds nobody up who comes when a place is free', () => {
    const { lagsMs, mostWaiting, busyMs } = rehearse(steady(10, 20, 10), ONE, 3);
    expect(new Set(lagsMs)).toEqual(new Set([13]));
    expect({ mostWaiting, busyMs }).toEqual({ mostWaiting: 1, busyMs: 100 });
  });

  it('grows by what comes beyond what its places do, and drains after', () => {
    const { lagsMs, mostWaiting, drainMs } = rehearse(steady(10, 10, 20), ONE, 0);
    expect(lagsMs).toEqual([20, 30, 40, 50, 60, 70, 80, 90, 100, 110]);
    expect(mostWaiting).toBe(6);
    expect(drainMs).toBe(110);
  });

  it('gives a piece to the place that is free first, and ends a record with its last piece', () => {
    const records = [record(0, [100, 10, 10]), record(1, [10])];
    expect(rehearse(records, { ...ONE, places: 2 }, 0).lagsMs).toEqual([100, 29]);
  });

  it('takes together what waits, in the time of the longest, and waits for nobody', () => {
    const records = [record(0, [10]), record(1, [10]), record(2, [15]), record(3, [10])];
    expect(rehearse(records, { ...ONE, together: 2 }, 0).lagsMs).toEqual([10, 24, 23, 32]);
  });

  it('counts from the capture', () => {
    expect(rehearse([{ ...record(50, [10]), capturedAgoMs: 40 }], ONE, 5).lagsMs).toEqual([55]);
  });

  it('is nothing without records', () => {
    const nothing = { lagsMs: [], mostWaiting: 0, drainMs: 0, busyMs: 0 };
    expect(rehearse([], { ...ONE, places: 3 }, 5)).toEqual(nothing);
    expect(percentileOf([], 0.99)).toBeNull();
    expect(restOf([], ONE)).toBe(0);
  });
});

describe('arrivals so many times', () => {
  const records = steady(100, 1_000, 10);

  it('are as many, in order, and the same ones when once', () => {
    expect(manyTimes(records, 1)).toEqual(records);
    for (const times of [0.25, 0.5, 2, 2.5, 7]) {
      const made = manyTimes(records, times);
      expect(made).toHaveLength(100 * times);
      expect(made).toEqual(made.toSorted((a, b) => a.arrivedMs - b.arrivedMs));
    }
  });

  it('keep a burst a burst', () => {
    const burst = Array.from({ length: 50 }, () => record(10_000, [10]));
    const { mostWaiting } = rehearse(manyTimes(burst, 3), ONE, 0);
    expect(mostWaiting).toBe(50);
  });
});

describe('the places that a budget needs', () => {
  it('are the fewest that keep it', () => {
    const records = steady(200, 10, 45);
    const needed = placesNeeded(records, ONE, 5, 60)!;
    const p99 = (places: number) => percentileOf(rehearse(records, { ...ONE, places }, 5).lagsMs, 0.99)!;
    expect(p99(needed)).toBeLessThanOrEqual(60);
    expect(p99(needed - 1)).toBeGreaterThan(60);
  });

  it('are none where the work alone takes longer', () => {
    expect(placesNeeded(steady(200, 10, 45), ONE, 20, 60)).toBeNull();
    expect(placesNeeded([], ONE, 0, 60)).toBe(1);
  });
});

it('what a record takes beside its pieces is what it took when it hardly queued', () => {
  const unhurried = Array.from({ length: 25 }, () => record(0, [100, 40], 130));
  const queued = Array.from({ length: 70 }, () => record(0, [100], 4_000));
  const records = [...queued, ...unhurried, record(0, [100]), record(0, [100], 120)];
  expect(restOf(records, { ...ONE, places: 2 })).toBe(30);
});

describe('a record of many pieces', () => {
  const call = (arrivedMs: number, measuredMs: number | null = null) =>
    record(arrivedMs, new Array<number>(12).fill(20_000), measuredMs);
  const four = { ...ONE, places: 4 };

  it('once is what was measured, with its own pieces counted once', () => {
    const calls = [0, 600_000, 1_200_000].map((at) => call(at, 64_000));
    const restMs = restOf(calls, four);
    expect(restMs).toBe(4_000);
    expect(new Set(rehearse(calls, four, restMs).lagsMs)).toEqual(new Set([64_000]));
  });

  it('has so many under way at a time, however many places there are, and leaves the others to others', () => {
    const many = { ...ONE, places: 100, perRecord: 4 };
    expect(rehearse([call(0), call(0)], many, 0).lagsMs).toEqual([60_000, 60_000]);
    expect(placesNeeded([call(0)], many, 0, 59_000)).toBeNull();
    const two = { ...ONE, places: 2, perRecord: 1 };
    expect(rehearse([record(0, [10, 10, 10]), record(0, [10, 10, 10])], two, 0).lagsMs).toEqual([30, 30]);
  });
});
