import { describe, expect, it } from 'vitest';
import { nextTurn, type LiveTraffic, type YieldingRules } from '../../src/domain/yielding.ts';

const rules: YieldingRules = {
  alone: { texts: 8, inFlight: 2 },
  besideLive: { texts: 2, inFlight: 1 },
  lingerMs: 10_000,
  longestHoldMs: 150,
};
const turn = (live: LiveTraffic, inFlight = 0, heldMs = 0) => nextTurn(live, { inFlight, heldMs }, rules);

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

  it('sends nothing while a message waits, and goes on when that lasts', () => {
    expect(turn({ waiting: true, quietMs: 0 })).toEqual({ move: 'hold', forMs: 150 });
    expect(turn({ waiting: true, quietMs: 0 }, 0, 149)).toEqual({ move: 'hold', forMs: 1 });
    expect(turn({ waiting: true, quietMs: 0 }, 0, 150)).toEqual({ move: 'send', texts: 2, besideLive: true });
  });
});
