import { describe, expect, it } from 'vitest';
import { DAY_MS, HOUR_MS, PROFILES } from '../../bench/load/profile.ts';
import { scaleFor, scheduleOf, timesAverage, type ScheduleOptions } from '../../bench/load/schedule.ts';

const monday = PROFILES.get('monday')!;
const day: ScheduleOptions = {
  profile: monday,
  seed: 7,
  speed: 60,
  scale: 1,
  fromMs: 0,
  toMs: DAY_MS,
  late: 0,
  duplicates: 0,
  outOfOrder: 0,
};
const surge = { ...day, fromMs: 9 * HOUR_MS, toMs: 11 * HOUR_MS };

describe('the schedule of a load', () => {
  it('is the same for the same seed, and another for another', () => {
    const options = { ...surge, scale: 0.05, late: 0.02, duplicates: 0.02, outOfOrder: 0.02 };
    expect(scheduleOf(options)).toEqual(scheduleOf(options));
    expect(scheduleOf(options)).not.toEqual(scheduleOf({ ...options, seed: 8 }));
  });

  it('has the counts, lengths, bursts and hot customers of its profile', () => {
    const all = scheduleOf(day);
    const of = (kind: string) => all.filter((arrival) => arrival.kind === kind);
    expect([of('message').length, of('call').length, of('screenshot').length]).toEqual([80_000, 12_000, 9_000]);
    expect(new Set(all.map(({ name }) => name)).size).toBe(all.length);
    const lengths = all.flatMap((arrival) => (arrival.kind === 'call' ? arrival.lengthMs : []));
    const mean = lengths.reduce((sum, length) => sum + length, 0) / lengths.length;
    expect(mean / 60_000).toBeCloseTo(6, 0);
    const conversations = new Set(all.flatMap((arrival) => (arrival.kind === 'message' ? arrival.conversation : [])));
    expect(80_000 / conversations.size).toBeCloseTo(12, 0);
    const byCustomer = Map.groupBy(all, ({ customer }) => customer);
    const busiest = Math.max(...[...byCustomer.values()].map((own) => own.length));
    expect(busiest / all.length).toBeGreaterThan(0.02);
    expect(busiest / all.length).toBeLessThan(0.06);
  });

  it('has the share of the surge in its two hours, and its peak inside', () => {
    const share = (from: number, to: number) =>
      scheduleOf(day).filter(({ kind, dueMs }) => {
        return kind !== 'message' && dueMs * 60 >= from * HOUR_MS && dueMs * 60 < to * HOUR_MS;
      }).length / 21_000;
    expect(share(9, 11)).toBeCloseTo(0.28, 2);
    expect(share(9.5, 9.8)).toBeGreaterThan(1.4 * (0.28 / 2) * 0.3);
    const calm = { ...day, profile: { ...monday, surge: { ...monday.surge, share: 0.1 } } };
    const inSurge = scheduleOf({ ...calm, fromMs: 9 * HOUR_MS, toMs: 11 * HOUR_MS });
    expect(inSurge.filter(({ kind }) => kind === 'call').length).toBe(1_200);
  });

  it('is as dense as asked for', () => {
    const options = { ...surge, scale: scaleFor(10, surge) };
    expect(timesAverage(options)).toBeCloseTo(10, 6);
    const perSecond = scheduleOf(options).filter(({ dueMs }) => dueMs < 120_000).length / 120;
    expect(perSecond / ((10 * 101_000) / 86_400)).toBeGreaterThan(0.9);
    expect(perSecond / ((10 * 101_000) / 86_400)).toBeLessThan(1.1);
  });

  it('delivers as many late, twice and out of order as asked for', () => {
    const all = scheduleOf({ ...surge, scale: 0.2, late: 0.03, duplicates: 0.05, outOfOrder: 0.02 });
    const of = (delivery: string) => all.filter((arrival) => arrival.delivery === delivery);
    const first = all.length - of('copy').length;
    expect(of('copy').length).toBe(Math.round(0.05 * first));
    const share = (delivery: string) => all.filter((each) => each.delivery === delivery).length / first;
    expect(share('late')).toBeGreaterThan(0.029);
    expect(share('out_of_order')).toBeGreaterThan(0.019);
    for (const { dueMs, capturedMs } of of('late')) expect(dueMs - capturedMs).toBeGreaterThan(15 * 60_000);
    for (const copy of of('copy')) {
      const original = all.find(({ name, delivery }) => name === copy.name && delivery !== 'copy')!;
      expect({ ...copy, dueMs: 0, delivery: '' }).toEqual({ ...original, dueMs: 0, delivery: '' });
      expect(copy.dueMs).toBeGreaterThanOrEqual(original.dueMs);
    }
    const overtaken = of('out_of_order').filter((each) => {
      if (each.kind !== 'message') return false;
      const next = all.find((other) => other.name === `${each.conversation}-${each.sequence + 1}`)!;
      return next.dueMs < each.dueMs;
    });
    expect(overtaken.length / of('out_of_order').length).toBeGreaterThan(0.9);
  });
});
