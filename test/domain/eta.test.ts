import { describe, expect, it } from 'vitest';
import { etaSeconds, type Expectation, type Standing } from '../../src/domain/eta.ts';

const expected: Expectation = { lagMs: 20_000, pickUpMs: 2_000, textMs: 42_000, totalMs: 50_000 };
const eta = (standing: Partial<Standing>, of: Partial<Expectation> = {}) =>
  etaSeconds(
    { stage: 'accepted', progress: { done: 0, total: 1 }, ageMs: 0, textAgeMs: null, ...standing },
    { ...expected, ...of },
  );

describe('a record that waits', () => {
  it('has left what records take now, less its age, as long as nobody has taken it', () => {
    expect(eta({ ageMs: 10_000 })).toBe(40);
    expect(eta({ ageMs: 10_000 }, { lagMs: 300_000 })).toBe(290);
    expect(eta({ ageMs: 10_000 }, { pickUpMs: null, textMs: null, totalMs: null })).toBe(10);
  });

  it('has left the pieces that are not recognised yet, and its indexing, once it is worked on', () => {
    const recognising = { stage: 'recognising', ageMs: 90_000 } as const;
    expect(eta({ ...recognising, progress: { done: 3, total: 4 } })).toBe(18);
    expect(eta({ stage: 'recognising', ageMs: 30_000 })).toBe(20);
    expect(eta({ stage: 'indexing', ageMs: 60_000, textAgeMs: 3_000 })).toBe(5);
  });

  it('is never foretold for less than a second, nor at all when it took twice as long or nothing is known', () => {
    expect(eta({ ageMs: 60_000 })).toBe(1);
    expect(eta({ stage: 'indexing', ageMs: 60_000, textAgeMs: 30_000 })).toBe(1);
    expect(eta({ ageMs: 100_001 })).toBeNull();
    expect(eta({}, { lagMs: null, totalMs: null })).toBeNull();
  });
});
