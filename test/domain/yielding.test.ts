import { describe, expect, it } from 'vitest';
import { nextTurn, type LiveTraffic, type YieldingRules } from '../../src/domain/yielding.ts';

const rules: YieldingRules = {
  alone: { texts: 8, inFlight: 2 },
  besideLive: { texts: 2, inFlight: 1 },
  lingerMs: 10_000,
  minShare: 0.2,
};
const turn = (live: LiveTraffic, inFlight = 0, own = { lastTookMs: 40, heldMs: 0 }) =>
  nextTurn(live, { inFlight, ...own }, rules);

describe('background work', () => {
  it('sends requests of full size, several at a time, while nothing live is there', () => {
    for (const quietMs of [null, 10_000]) {
      expect(turn({ waiting: false, quietMs })).toEqual({ move: 'send', texts: 8, besideLive: false });
      expect(turn({ waiting: false, quietMs }, 1)).toMatchObject({ move: 'send' });
      expect(turn({ waiting: false, quietMs }, 2)).toEqual({ move: 'await_own' });
    }
  });

  it('sends small requests, one at a time, until live traffic has been quiet for long enough', () => {
    for (const quietMs of [0, 9_999]) {
      expect(turn({ waiting: false, quietMs })).toEqual({ move: 'send', texts: 2, besideLive: true });
      expect(turn({ waiting: false, quietMs }, 1)).toEqual({ move: 'await_own' });
    }
  });

  it('sends nothing while a message waits, but takes its least share of the time when that lasts', () => {
    const waiting = { waiting: true, quietMs: 0 };
    const held = (lastTookMs: number, heldMs: number) => turn(waiting, 0, { lastTookMs, heldMs });
    expect(held(40, 0)).toEqual({ move: 'hold', forMs: 160 });
    expect(held(40, 159)).toEqual({ move: 'hold', forMs: 1 });
    expect(held(40, 160)).toEqual({ move: 'send', texts: 2, besideLive: true });
    expect(held(0, 0)).toMatchObject({ move: 'send' });
    expect(held(30_000, 0)).toEqual({ move: 'hold', forMs: 2_000 });
  });
});
