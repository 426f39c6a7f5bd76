import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { closeSlots, grantSlots } from '../../src/db/model-slots.ts';
import { openDatabase, type Database } from '../../src/db/pools.ts';
import { costMs } from '../../src/domain/request-cost.ts';
import { SlotLine } from '../../src/sources/slots.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';

let owner: TestDatabase;
let database: Database;

beforeAll(async () => {
  owner = await createDatabase();
  database = openDatabase({ url: owner.url });
});
afterAll(async () => {
  await database?.close();
  await owner?.drop();
});

const grant = (costs: readonly number[], aheadMs: number) => grantSlots(database.deployment, 'speech', costs, aheadMs);

describe('the limiter that processes share', () => {
  it('grants requests in a row, each when the one before has used up its cost, and no two the same slot', async () => {
    const first = await grant([10_000, 20_000, 5_000, 5_000], 30_000);
    expect(first).toEqual({ granted: 3, wait_ms: 0 });
    const ten = await Promise.all(Array.from({ length: 10 }, () => grant([1_000], 60_000)));
    const waits = ten.map(({ wait_ms: waitMs }) => waitMs).sort((a, b) => a - b);
    // From 35 s on, one each second.
    waits.forEach((waitMs, index) => expect(Math.abs(waitMs - 35_000 - index * 1_000)).toBeLessThan(900));
    // The next begins in 45 s: with 1 s ahead it is worth asking again in 44 s, and nothing was taken.
    for (const _ of [1, 2]) {
      const { granted, wait_ms: waitMs } = await grant([1_000], 1_000);
      expect(granted).toBe(0);
      expect(Math.abs(waitMs - 44_000)).toBeLessThan(900);
    }
    await closeSlots(database.deployment, 'speech', 90_000);
    expect((await grant([1], 100_000)).wait_ms).toBeGreaterThan(89_000);
  });

  it('charges tokens where they take longer than the request', () => {
    const limits = { requestsPerSecond: 10, tokensPerMinute: 60_000 };
    expect(costMs(limits, 50)).toBeCloseTo(105);
    expect(costMs(limits, 500)).toBeCloseTo(500);
    expect(costMs({ requestsPerSecond: 0, tokensPerMinute: 60_000 }, 500)).toBeCloseTo(500);
  });
});

describe('the requests of a process', () => {
  const signal = new AbortController().signal;

  /** A line with a slot every 30 ms, in the order in which requests get theirs. */
  function openLine() {
    const order: string[] = [];
    let freeAt = 0;
    const line = new SlotLine({
      aheadMs: () => 1,
      grant: (costs, aheadMs) => {
        const waitMs = Math.max(0, freeAt - performance.now());
        if (waitMs > aheadMs) return Promise.resolve({ granted: 0, wait_ms: waitMs - aheadMs });
        freeAt = performance.now() + waitMs + costs[0]!;
        return Promise.resolve({ granted: 1, wait_ms: waitMs });
      },
    });
    const take = async (name: string, behindLive: boolean, longestMs = 10_000) => {
      await line.take({ costMs: 30, behindLive }, longestMs, signal);
      order.push(name);
    };
    return { line, order, take };
  }

  it('go before those that nobody waits for, whenever they come', async () => {
    const { order, take } = openLine();
    const background = [1, 2, 3].map((index) => take(`background ${index}`, true));
    await background[0];
    const live = [1, 2, 3].map((index) => take(`live ${index}`, false));
    await Promise.all([...background, ...live]);
    expect(order).toEqual(['background 1', 'live 1', 'live 2', 'live 3', 'background 2', 'background 3']);
  });

  it('end with their signal, or when the wait is too long, and leave the slot to others', async () => {
    const { line, order, take } = openLine();
    await take('first', false);
    const abort = new AbortController();
    const given = line.take({ costMs: 30, behindLive: true }, 1, abort.signal);
    const impatient = take('impatient', false, 1);
    abort.abort();
    await expect(given).rejects.toThrow('abort');
    await expect(impatient).rejects.toMatchObject({ code: 'model_overloaded' });
    await Promise.all([take('patient', false), delay(1)]);
    expect(order).toEqual(['first', 'patient']);
  });
});
