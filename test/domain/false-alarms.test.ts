import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import type { Modality } from '../../src/domain/interaction.ts';
import {
  BUDGET_MS,
  foretell,
  simulatedQueue,
  stepsOver,
  type Look,
  type Queue,
  type Seen,
} from '../support/simulated-queue.ts';

const SEEDS = Array.from({ length: 6 }, (_none, index) => index + 1);
const warned = ({ forecast }: Look) => forecast.minutesToBreach !== null;
const late = (modality: Modality) => (look: Look) => (look.oldestMs ?? 0) > BUDGET_MS[modality];

/** The looks of each seed. */
const looksOf = (modality: Modality, queue: Queue) =>
  SEEDS.map((seed) => foretell(modality, simulatedQueue(queue, seed)));

/** Of how many seeds a breach was foretold. */
function alarms(modality: Modality, queue: Queue): number {
  return looksOf(modality, queue).filter((looks) => looks.some(warned)).length;
}

const rising = (from: number, to: number, seconds: number) => (second: number) =>
  from + (to - from) * Math.min(1, second / seconds);

describe('no breach is foretold, whatever chance does,', () => {
  it('of a level load, of which the same few are always under way', () => {
    const level = { seconds: 150, servers: Infinity };
    const chat = { ...level, rateAt: () => 20, highestRate: 20, serviceSeconds: 1 };
    expect(alarms('chat', chat)).toBe(0);
    expect(alarms('audio', { ...level, rateAt: () => 2, highestRate: 2, serviceSeconds: 25, stages: 1 })).toBe(0);
  });

  it('of a morning that begins: ten times as many come within a minute, and each takes as long as before', () => {
    const morning = { seconds: 150, servers: Infinity };
    const chat = { ...morning, rateAt: rising(2, 20, 60), highestRate: 20, serviceSeconds: 2 };
    expect(alarms('chat', chat)).toBe(0);
    const calls = { ...morning, rateAt: rising(0.2, 2, 60), highestRate: 2, serviceSeconds: 25, stages: 1 };
    expect(alarms('audio', calls)).toBe(0);
    const screens = { ...morning, rateAt: rising(0.2, 2, 60), highestRate: 2, serviceSeconds: 4 };
    expect(alarms('screenshot', screens)).toBe(0);
  });

  it('of bursts of five seconds that are gone after each', () => {
    const rateAt = (second: number) => (Math.floor(second / 5) % 2 === 0 ? 5 : 40);
    expect(alarms('chat', { seconds: 150, servers: Infinity, rateAt, highestRate: 40, serviceSeconds: 2 })).toBe(0);
  });

  it('of very many at once that nobody waits for, however long each takes', () => {
    const pulse = (rate: number) => (second: number) => (second >= 40 && second < 41 ? rate : rate / 100);
    const atOnce = (rate: number) => ({ seconds: 150, servers: Infinity, rateAt: pulse(rate), highestRate: rate });
    expect(alarms('chat', { ...atOnce(300), serviceSeconds: 2 })).toBe(0);
    expect(alarms('audio', { ...atOnce(100), serviceSeconds: 25 })).toBe(0);
  });

  it('of workers that are busy for four fifths of the time', () => {
    const busy = { seconds: 150, servers: 1, rateAt: () => 8, highestRate: 8, serviceSeconds: 0.1, stages: 1 };
    expect(alarms('chat', busy)).toBe(0);
  });
});

it('nobody is refused because more and more come of what takes half its budget anyhow', () => {
  const slow = { seconds: 200, servers: Infinity, rateAt: rising(0.2, 2, 60), highestRate: 2, serviceSeconds: 90 };
  for (const looks of looksOf('audio', slow)) {
    expect(stepsOver({ audio: looks }).map(([, step]) => step)).not.toContain('refuse_bulk');
  }
});

describe('a breach is foretold', () => {
  it('of calls that come faster than they are worked off minutes before one is late, and captions give way by then', () => {
    // Two a second can be done.
    const ramp = { seconds: 420, servers: 20, rateAt: rising(0.5, 5, 180), highestRate: 5, serviceSeconds: 10 };
    for (const looks of looksOf('audio', ramp)) {
      const lateAt = looks.find(late('audio'))!.at;
      expect(lateAt - looks.find(warned)!.at).toBeGreaterThan(100_000);
      const captions = stepsOver({ audio: looks }).find(([, step]) => step === 'drop_captions')!;
      expect(captions[0] * 1_000).toBeLessThan(lateAt);
    }
  });

  it('of chats at least half a budget before one is late', () => {
    const ramp = { seconds: 150, servers: 2, rateAt: rising(5, 40, 120), highestRate: 40, serviceSeconds: 0.1 };
    for (const looks of looksOf('chat', ramp)) {
      const lateAt = looks.find(late('chat'))!.at;
      expect(lateAt - looks.find(warned)!.at).toBeGreaterThanOrEqual(0.4 * BUDGET_MS.chat);
    }
  });
});

it('of a burst that takes six budgets all that refuses nobody is done at once, four seconds before a chat is late', () => {
  // Five a second can be done.
  const queue = { servers: 1, serviceSeconds: 0.2, highestRate: 300, seconds: 60 };
  for (const burstAt of [40, 41]) {
    const rateAt = (second: number) => (second >= burstAt && second < burstAt + 1 ? 300 : 1);
    for (const looks of looksOf('chat', { ...queue, rateAt })) {
      const [first, second] = stepsOver({ chat: looks });
      expect(first![1]).toBe('drop_captions');
      expect(burstAt + BUDGET_MS.chat / 1_000 - first![0]).toBeGreaterThanOrEqual(4);
      expect(second![1]).toBe('refuse_bulk');
    }
  }
});

type Recorded = readonly [number, number, number | null, number | null, number | null, number | null, number];

/**
 * Samples of a rehearsed surge (docs/load.md) on a machine that others kept busy: time, waiting, arrived, completed,
 * since, oldest, overdue. No chat took longer than 8 s of its 10; pictures and calls came late, by seconds.
 */
async function recordedSurge(modality: Modality): Promise<Look[]> {
  const file = new URL('../fixtures/backlog/surge.json', import.meta.url);
  const recorded = JSON.parse(await readFile(file, 'utf8')) as Record<Modality, Recorded[]>;
  const seen = recorded[modality].map(([at, waiting, arrived, completed, sinceMs, oldestMs, overdue]): Seen => ({
    ...{ at, waiting, arrived, completed, sinceMs, oldestMs, overdue },
  }));
  return foretell(modality, seen);
}

it('of a recorded surge, of chats that were worked off in time nothing was foretold, of calls that came late it was', async () => {
  const [chat, calls] = [await recordedSurge('chat'), await recordedSurge('audio')];
  expect(chat.some(late('chat'))).toBe(false);
  expect(chat.filter(warned)).toEqual([]);
  const lateAt = calls.find(late('audio'))!.at;
  const warnedAt = calls.find(warned)!.at;
  expect(lateAt - warnedAt).toBeGreaterThan(100_000);
  // Twenty times as many calls as at first were under way for two minutes, in time.
  expect(warnedAt).toBeGreaterThan(120_000);
});
