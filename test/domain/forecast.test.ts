import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  capacityNeeded,
  drainSeconds,
  forecast,
  inWindow,
  type BacklogPoint,
  type Forecast,
  type ForecastRules,
  type Waiting,
} from '../../src/domain/forecast.ts';

const rules: ForecastRules = {
  budgetMs: 20_000,
  windowBudgets: 1,
  minPoints: 8,
  minWaiting: 3,
  leastAgeShare: 0.4,
  refusingAgeShare: 0.7,
  minRefusing: 20,
  refusingShare: 0.25,
  surenessZ: 1.645,
  horizonMinutes: 60,
};
const INTERVAL_MS = 2_000;
const calm = { oldestMs: 0, overdue: 0 };
const foretell = (points: readonly BacklogPoint[], now: Waiting) => forecast(points, now, rules, INTERVAL_MS);

interface Look {
  readonly second: number;
  readonly seen: Forecast;
  /** Of the oldest that waits, by the rule that who comes first is done first. */
  readonly oldestMs: number;
}

/** One queue that completes up to `capacity` records a second, the oldest first, looked at every interval. */
function simulate(seconds: number, capacity: number, arrivalsAt: (second: number) => number, of = rules): Look[] {
  const STEP = 0.1;
  const waiting: { from: number; records: number }[] = [];
  const points: BacklogPoint[] = [];
  const looks: Look[] = [];
  let [arrived, completed] = [0, 0];
  for (let step = 0; step <= seconds / STEP; step++) {
    const second = step * STEP;
    if (step % (INTERVAL_MS / 1_000 / STEP) === 0) {
      const total = waiting.reduce((sum, { records }) => sum + records, 0);
      const sinceMs = step === 0 ? null : INTERVAL_MS;
      points.push({ at: second * 1_000, waiting: total, arrived, completed, sinceMs });
      [arrived, completed] = [0, 0];
      const late = waiting.filter(({ from }) => (second - from) * 1_000 > of.budgetMs);
      const oldestMs = waiting.length === 0 ? 0 : (second - waiting[0]!.from) * 1_000;
      const overdue = late.reduce((sum, { records }) => sum + records, 0);
      looks.push({ second, oldestMs, seen: forecast(points, { oldestMs, overdue }, of, INTERVAL_MS) });
    }
    const coming = arrivalsAt(second) * STEP;
    if (coming > 0) waiting.push({ from: second, records: coming });
    arrived += coming;
    for (let room = capacity * STEP; room > 0 && waiting.length > 0;) {
      const done = Math.min(room, waiting[0]!.records);
      room -= done;
      completed += done;
      if (waiting[0]!.records - done <= 1e-9) waiting.shift();
      else waiting[0] = { ...waiting[0]!, records: waiting[0]!.records - done };
    }
  }
  return looks;
}

const warned = ({ seen }: Look) => seen.minutesToBreach !== null;

/** A backlog of these sizes, each looked at an interval after the last, of which so many are completed a second. */
const pointsOf = (sizes: readonly number[], perSecond: number): BacklogPoint[] =>
  sizes.map((waiting, index) => ({
    at: index * INTERVAL_MS,
    waiting,
    arrived: perSecond * 2 + (index === 0 ? 0 : waiting - sizes[index - 1]!),
    completed: perSecond * 2,
    sinceMs: INTERVAL_MS,
  }));

describe('a forecast', () => {
  it('never warns of a backlog that does not grow, however large, while a record gets through within its budget', () => {
    const falling = fc
      .tuple(
        fc.integer({ min: 3, max: 5_000 }),
        fc.array(fc.integer({ min: 0, max: 50 }), { minLength: 1, maxLength: 60 }),
      )
      .map(([first, falls]) => falls.reduce((sizes, fall) => [...sizes, Math.max(0, sizes.at(-1)! - fall)], [first]));
    fc.assert(
      fc.property(falling, fc.double({ min: 1.01, max: 100, noNaN: true }), (sizes, times) => {
        const perSecond = (sizes[0]! / (rules.budgetMs / 1_000)) * times;
        expect(foretell(pointsOf(sizes, perSecond), calm).minutesToBreach).toBeNull();
      }),
    );
  });

  it('tells of steady growth how many minutes are left', () => {
    fc.assert(
      fc.property(
        fc.double({ min: 1, max: 1_000, noNaN: true }),
        fc.double({ min: 0.01, max: 2, noNaN: true }),
        fc.double({ min: 0.01, max: 0.5, noNaN: true }),
        (perSecond, growthShare, filled) => {
          const growth = perSecond * growthShare;
          const first = perSecond * 20 * filled + 3;
          const sizes = Array.from({ length: 10 }, (_none, index) => first + index * 2 * growth);
          const seen = foretell(pointsOf(sizes, perSecond), calm);
          const left = (perSecond * 20 - sizes.at(-1)!) / growth / 60;
          // As many arrived within this time as wait.
          const age = sizes.at(-1)! / (perSecond + growth);
          fc.pre(Math.abs(age - 8) > 4 && age < 18);
          if (age < 8) expect(seen.minutesToBreach).toBeNull();
          else if (left <= 0) expect(seen.minutesToBreach).toBe(0);
          else expect(seen.minutesToBreach).toBeCloseTo(left, 6);
          expect(seen.growthPerSecond).toBeCloseTo(growth, 6);
        },
      ),
    );
  });

  it('comes before anything is late whenever more and more arrives, and is silent until then', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 2, max: 200 }),
        fc.double({ min: 0.05, max: 0.9, noNaN: true }),
        fc.double({ min: 0.002, max: 0.2, noNaN: true }),
        (capacity, load, rise) => {
          const arrivals = (second: number) => capacity * (load + rise * Math.max(0, second - 60));
          const full = 60 + (1 - load) / rise;
          const looks = simulate(full + 20 / rise ** 0.5 + 60, capacity, arrivals);
          const warnedAt = looks.find(warned)!.second;
          const lateAt = looks.find(({ oldestMs }) => oldestMs > rules.budgetMs)!.second;
          expect(warnedAt).toBeGreaterThan(60);
          // A record is late a budget after it came; the warning is there before the first that will be has come.
          expect(warnedAt).toBeLessThan(lateAt - 0.5 * (rules.budgetMs / 1_000));
        },
      ),
      { numRuns: 30 },
    );
  });

  it('does not warn of a burst that is worked off within the budget', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 5, max: 500 }),
        fc.double({ min: 0, max: 0.5, noNaN: true }),
        fc.double({ min: 0.1, max: 0.7, noNaN: true }),
        fc.integer({ min: 600, max: 640 }),
        (capacity, load, share, tenth) => {
          const burst = capacity * (rules.budgetMs / 1_000) * share * (1 - load);
          const arrivals = (second: number) => capacity * load + (Math.round(second * 10) === tenth ? burst / 0.1 : 0);
          const looks = simulate(120, capacity, arrivals);
          expect(looks.filter(warned).map(({ second, seen }) => [second, seen])).toEqual([]);
        },
      ),
      { numRuns: 200 },
    );
  });

  it('goes by the oldest record where nothing is completed at all', () => {
    const stalled = [0, 2, 4, 6, 8, 10, 12, 14].map((waiting, index) => ({
      at: index * INTERVAL_MS,
      waiting,
      arrived: 2,
      completed: 0,
      sinceMs: INTERVAL_MS,
    }));
    const seen = foretell(stalled, { oldestMs: 14_000, overdue: 0 });
    expect(seen).toMatchObject({ expectedLagMs: null, minutesToBreach: 0.1 });
  });

  it('says 0 when records are late, but not for one or two that are held up alone', () => {
    const steady = pointsOf([4, 4, 4, 4, 4, 4, 4, 4], 10);
    expect(foretell(steady, { oldestMs: 60_000, overdue: 2 }).minutesToBreach).toBeNull();
    expect(foretell(steady, { oldestMs: 60_000, overdue: 3 }).minutesToBreach).toBe(0);
  });

  it('has nobody refused for a few slow records, nor for a few of very many', () => {
    const seen = (perSecond: number, overdue: number) => {
      const steady = pointsOf([30, 30, 30, 30, 30, 30, 30, 30], perSecond);
      return foretell(steady, { oldestMs: 60_000, overdue });
    };
    expect(seen(10, 19)).toMatchObject({ minutesToBreach: 0, refusingMinutes: null });
    // A quarter of the 200 that are done within a budget.
    expect(seen(10, 49)).toMatchObject({ minutesToBreach: 0, refusingMinutes: null });
    expect(seen(10, 50)).toMatchObject({ minutesToBreach: 0, refusingMinutes: 0 });
    // 30 take longer than the budget at one a second, whether any is late yet or not.
    expect(seen(1, 0)).toMatchObject({ minutesToBreach: 0, refusingMinutes: 0, lagBudgets: 1.5 });
    expect(foretell(pointsOf([8, 8, 8, 8, 8, 8, 8, 8], 0.1), { oldestMs: 60_000, overdue: 0 })).toMatchObject({
      ...{ minutesToBreach: 0, refusingMinutes: null, lagBudgets: 0 },
    });
  });

  it('takes one old look for chance, however far apart looks are', () => {
    const gapMs = 5 * INTERVAL_MS;
    const old = (looks: number) => {
      const sizes = Array.from({ length: 12 }, (_none, index) => (index < 12 - looks ? 4 : 30));
      const points = sizes.map((waiting, index) => ({
        ...{ at: index * gapMs, waiting, arrived: gapMs / 1_000, completed: gapMs / 1_000, sinceMs: gapMs },
      }));
      return foretell(points, calm).ageBudgets;
    };
    expect([old(0), old(1), old(2)]).toEqual([0.2, 0.2, 1.5]);
  });

  it('is made from a window, and from the last few samples where a busy machine took fewer', () => {
    const at = (gapMs: number) =>
      pointsOf(
        Array.from({ length: 30 }, (_none, index) => index),
        1,
      ).map((point, index) => ({ ...point, at: index * gapMs }));
    expect(inWindow(at(INTERVAL_MS), rules, INTERVAL_MS)).toEqual(at(INTERVAL_MS).slice(-11));
    expect(inWindow(at(5_000), rules, INTERVAL_MS)).toEqual(at(5_000).slice(-8));
    expect(inWindow(at(5_000).slice(0, 3), rules, INTERVAL_MS)).toHaveLength(3);
  });

  it('says nothing from too few points', () => {
    expect(foretell([], calm)).toMatchObject({ expectedLagMs: 0, minutesToBreach: null });
    expect(foretell(pointsOf([10, 20, 30, 40], 10), calm).minutesToBreach).toBeNull();
  });
});

describe('a backlog', () => {
  it('is gone after what it shrinks by, and needs what arrives over what is done', () => {
    expect([drainSeconds(100, -4), drainSeconds(100, 0), drainSeconds(0, 0)]).toEqual([25, null, 0]);
    expect([capacityNeeded(30, 10), capacityNeeded(30, 0), capacityNeeded(null, 10)]).toEqual([3, null, null]);
  });
});
