import { describe, expect, it } from 'vitest';
import type { AuditedRecord } from '../../bench/load/audit.ts';
import { capacityOf, courseOf, freshnessOf, partingOf, slopeOf } from '../../bench/load/figures.ts';
import { forecastAt, ownViewOf, stepsOf } from '../../bench/load/own-view.ts';
import { processesOf } from '../../bench/load/report/report.ts';
import { processTableOf } from '../../bench/load/report/table.ts';
import { stageTimes } from '../../src/domain/freshness.ts';

const START = Date.parse('2026-11-23T09:00:00Z');
const BUDGET_MS = 10_000;

/** A queue of one place: arrivals at a rate for each second, worked off at so many a second. */
function queue(rates: readonly number[], pace: number): AuditedRecord[] {
  let freeAt = 0;
  return rates.flatMap((rate, second) =>
    Array.from({ length: rate }, (_, index) => {
      const arrivedMs = second * 1000 + (index * 1000) / rate;
      freeAt = Math.max(freeAt, arrivedMs) + 1000 / pace;
      return recordOf(arrivedMs, freeAt);
    }),
  );
}

function recordOf(acceptedMs: number, reachableMs: number): AuditedRecord {
  const stamps = {
    capturedAt: new Date(START + acceptedMs),
    acceptedAt: new Date(START + acceptedMs),
    pickedUpAt: new Date(START + acceptedMs),
    transformedAt: new Date(START + reachableMs),
    reachableAt: new Date(START + reachableMs),
  };
  const facts = { modality: 'chat', state: 'reachable', released: false, texts: 1 } as const;
  const counts = { textsWithoutVector: 0, doubled: 0 };
  const verdict = { fate: 'reachable', stages: stageTimes(stamps), late: false } as const;
  return { interactionId: `${acceptedMs}`, ...facts, ...counts, ...stamps, ...verdict };
}

const ramp = Array.from({ length: 60 }, (_, second) => (second < 40 ? 10 + second : 0));

describe('what a load tells', () => {
  it('marks where arrivals and pace part, and the backlog’s alarm rings before that of the lag', () => {
    const records = queue(ramp, 20);
    const course = courseOf(records, START, 90);
    const parting = partingOf(course, BUDGET_MS);
    expect(parting.partedAt).toBeGreaterThanOrEqual(10);
    expect(parting.backlogAlarmAt).toBeGreaterThan(parting.partedAt!);
    expect(parting.lagAlarmAt).toBeGreaterThan(parting.backlogAlarmAt!);
    const capacity = capacityOf(records, course, parting);
    expect(capacity.neededCapacity).toBeCloseTo(44.5 / 20, 1);
    expect(capacity.drainSeconds).toBeGreaterThan(15);
    expect(capacity.peakWaiting).toBe(Math.max(...course.waiting));
  });

  it('rings no alarm while everything keeps up', () => {
    const records = queue(ramp, 100);
    const course = courseOf(records, START, 60);
    const parting = partingOf(course, BUDGET_MS);
    expect(parting).toEqual({ partedAt: undefined, backlogAlarmAt: undefined, lagAlarmAt: undefined });
    expect(capacityOf(records, course, parting).neededCapacity).toBe(1);
  });

  it('leaves late records out of freshness, and counts them as backlog', () => {
    const late = {
      ...recordOf(1_000, 2_000),
      late: true,
      stages: stageTimes({ ...recordOf(1_000, 2_000), capturedAt: new Date(0) }),
    };
    const records = [recordOf(0, 500), late];
    expect(freshnessOf(records).totalMs).toEqual({ p50: 500, p95: 500, p99: 500 });
    expect(courseOf(records, START, 3)).toMatchObject({ accepted: [1, 1, 0], reached: [1, 0, 1], waiting: [0, 1, 0] });
  });

  it('knows the slope of a line, and of nothing none', () => {
    expect(slopeOf([0, 1, 2, 3].map((at) => ({ at, value: 5 - 2 * at })))).toBeCloseTo(-2, 9);
    expect(slopeOf([{ at: 1, value: 1 }])).toBeUndefined();
  });

  it('tells memory that only warms up from memory that still grows in the second half of the run', () => {
    const MINUTES = 60;
    const mebibytes = { warms: (minute: number) => Math.min(minute, 30), leaks: (minute: number) => minute };
    const samples = Array.from({ length: MINUTES + 1 }, (_, minute) => ({
      ...{
        atMs: minute * 60_000,
        due: 0,
        accepted: 0,
        refused: 0,
        inFlight: 0,
        waiting: {},
        oldestMs: 0,
        own: undefined,
      },
      processes: Object.fromEntries(
        Object.entries(mebibytes).map(([name, at]) => [
          name,
          { rssBytes: (200 + at(minute)) * 2 ** 20, cpuSeconds: 0 },
        ]),
      ),
    }));
    const [warms, leaks] = processesOf(samples);
    expect(warms!.rssSlopeMibPerHour).toBeGreaterThan(10);
    expect(warms!.rssSecondHalfSlopeMibPerHour).toBeCloseTo(0, 6);
    expect(leaks!.rssSecondHalfSlopeMibPerHour).toBeCloseTo(60, 6);
    const table = processTableOf([warms!, leaks!]);
    expect(table).toContain('RSS slope of the second half, MiB/h');
    expect(table).toMatch(/leaks .*200 → 260 +│ 60 +│ 60 +│/);
  });

  it('reads what Earshot foretells and does, and does without where it tells nothing', () => {
    const own = (step: string, minutesToBreach: number | null) =>
      ownViewOf({
        pressure: { step },
        queues: [{ queue: 'audio', kind: 'activity', backlog: 7 }],
        modalities: [{ modality: 'chat', minutesToBreach }],
      });
    expect(own('none', null)!.queues).toEqual({ 'audio activity': 7 });
    const samples = [own('none', null), own('none', 3), own('grow_batches', 1), undefined, own('none', null)].map(
      (each, index) => ({ atMs: index * 1000, own: each }),
    );
    expect(forecastAt(samples, 'chat')).toBe(1);
    expect(forecastAt(samples, 'audio')).toBeUndefined();
    expect(stepsOf(samples)).toEqual([
      { at: 2, step: 'grow_batches' },
      { at: 4, step: 'none' },
    ]);
    expect(ownViewOf({ type: 'urn:earshot:not_found' })).toBeUndefined();
  });
});
