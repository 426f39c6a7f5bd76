import { afterEach, describe, expect, it, vi } from 'vitest';
import type { Budget, HealthReason, ModalityFreshness, Now, Objective, Past } from '../../src/api/pages/contract.ts';
import { aheadOf, askWith, retryAfterOf } from '../../src/api/pages/public/ask.js';
import { courseOf, partingsOf } from '../../src/api/pages/public/course.js';
import { drawingOf } from '../../src/api/pages/public/geometry.js';
import { restOf, Round } from '../../src/api/pages/public/rounds.js';
import {
  faults,
  headline,
  objectiveRows,
  shareOfBudget,
  stageRows,
  waitingRows,
} from '../../src/api/pages/public/standing.js';
import {
  duration,
  forecast,
  STAGE_NAMES,
  stagesAtFault,
  stepsInForce,
  unanswered,
} from '../../src/api/pages/public/wording.js';
import { PRESSURE_STEPS } from '../../src/domain/pressure.ts';
import { judgeBudget, STAGES } from '../../src/domain/stage-budget.ts';

const NOW = Date.parse('2026-11-23T09:30:00');

const levelOf = (...objectives: Partial<Objective>[]) => ({
  window: '24h',
  met: true,
  freshness: [],
  objectives: objectives.map((each): Objective => {
    return { name: 'availability', unit: 'percent', target: 99.9, measured: 100, met: true, ...each };
  }),
});
const reason = (fields: Partial<HealthReason>): HealthReason => {
  return { status: 'red', code: 'source_paused_speech', modality: null, value: 60_000, limit: 0, ...fields };
};

describe('the line on top', () => {
  it('says that all is met, and what had nothing to measure', () => {
    const level = levelOf({}, { name: 'freshness_chat_p99', measured: null, met: null });
    const told = headline({ status: 'green', reasons: [] }, level);
    expect(told).toEqual({
      text: 'Met within 24 h: nothing is at fault. 1 of 2 objectives had nothing to measure within 24 h.',
      tone: 'good',
    });
  });

  it('calls nothing met of which nothing was measured', () => {
    const none = { measured: null, met: null };
    const level = levelOf(none, { name: 'retrieval_p95', ...none }, { name: 'red_violations_open', unit: 'count' });
    expect(headline({ status: 'green', reasons: [] }, level)).toEqual({
      text: 'Not measured: nothing is at fault, but 2 of 3 objectives had nothing to measure within 24 h.',
      tone: 'quiet',
    });
  });

  it('names what is at fault now and what was missed, though jobs are green', () => {
    const missed = levelOf({ measured: 99.2, met: false });
    expect(headline({ status: 'red', reasons: [reason({})] }, missed)).toEqual({
      text: 'Not met. At fault now: Speech recognition is paused. Missed within 24 h: Availability.',
      tone: 'bad',
    });
    expect(headline({ status: 'red', reasons: [reason({})] }, levelOf({})).text).toMatch(/^Not met\. At fault now/);
    expect(headline({ status: 'green', reasons: [] }, missed).text).toMatch(/^Not met\. Missed within 24 h/);
    const careful = headline({ status: 'yellow', reasons: [reason({ status: 'yellow' })] }, levelOf({}));
    expect(careful).toMatchObject({ tone: 'warn', text: expect.stringMatching(/^Met/) as string });
  });

  it('is followed by each open fault with its times, the red ones first', () => {
    const standing = {
      health: {
        status: 'red',
        reasons: [
          reason({ status: 'yellow', code: 'waits_too_long', modality: 'audio', value: 200_000, limit: 540_000 }),
          reason({}),
          reason({ code: 'reconciliation_vector_missing', value: 4 }),
        ],
      },
      violations: {
        violations: [
          {
            check: 'reconciliation',
            code: 'vector_missing',
            modality: null,
            firstSeenAt: '2026-11-23T09:00:00',
            lastSeenAt: '2026-11-23T09:20:00',
          },
        ],
      },
      models: {
        sources: [{ source: 'speech', state: 'paused', cause: 'failures', since: '2026-11-22T23:58:00', waiting: 12 }],
      },
    } as unknown as Now;
    expect(faults(standing, NOW).map(({ text }) => text)).toEqual([
      'Red: Speech recognition is paused since 22 Nov 23:58:00; 12 records wait for it',
      'Red: reconciliation vector missing since 09:00:00, last seen 09:20:00; 4 rows affected',
      'Yellow: a record waits too long (calls) since 09:26:40 (3.3 min, limit 9 min)',
    ]);
  });

  it('tells canaries of each modality by their own times, and a count as a count though nothing else is known', () => {
    const missed = { code: 'canary_index_miss', value: 183_250, limit: 900_000 };
    const seen = (modality: string, firstSeenAt: string) => {
      return { check: 'canary', code: 'index_miss', modality, firstSeenAt, lastSeenAt: '2026-11-23T09:29:00' };
    };
    const standing = {
      health: {
        status: 'red',
        reasons: [
          reason({ ...missed, modality: 'chat' }),
          reason({ ...missed, modality: 'audio' }),
          reason({ ...missed, modality: 'screenshot' }),
          reason({ code: 'canary_stale', modality: 'chat', value: 1_200_000, limit: 900_000 }),
          reason({ code: 'reconciliation_vector_missing', value: 4 }),
          reason({ code: 'vectors_missing', modality: 'chat', value: 3 }),
          reason({ value: 60_000 }),
        ],
      },
      violations: { violations: [seen('audio', '2026-11-23T09:10:00'), seen('chat', '2026-11-23T09:20:00')] },
      models: { sources: [] },
    } as unknown as Now;
    expect(faults(standing, NOW).map(({ text }) => text)).toEqual([
      'Red: canary index miss (messages) since 09:20:00, last seen 09:29:00',
      'Red: canary index miss (calls) since 09:10:00, last seen 09:29:00',
      'Red: canary index miss (screenshots) since 09:26:56 (3.1 min, limit 15 min)',
      'Red: no canary was found for long (messages) since 09:10:00 (20 min, limit 15 min)',
      'Red: reconciliation vector missing; 4 rows affected',
      'Red: 3 chunks without a vector (messages)',
      'Red: Speech recognition is paused since 09:29:00 (60 s)',
    ]);
  });
});

describe('an objective', () => {
  it('reads as met, not met or not measured, and never as met by rounding', () => {
    const rows = objectiveRows(
      levelOf(
        { measured: 99.8999999, met: false },
        { name: 'retrieval_p99', unit: 'ms', target: 500, measured: 80.4 },
        { name: 'held_back', target: 5, measured: null, met: null },
      ).objectives,
    );
    expect(rows.map((row) => row.map(({ text }) => text))).toEqual([
      ['Availability', 'at least 99.9 %', '99.899 %', 'NOT MET'],
      ['Questions answered, p99', 'at most 500 ms', '80 ms', 'met'],
      ['Data quality: records held back or failed', 'at most 5 %', 'nothing to measure', 'not measured'],
    ]);
  });

  it('is rounded away from its target, whether more is better or less', () => {
    const told = (fields: Partial<Objective>) => {
      const [row] = objectiveRows(levelOf(fields).objectives);
      return `${row![1]!.text}: ${row![2]!.text}`;
    };
    const heldBack = (measured: number, met: boolean) => {
      return told({ name: 'held_back', unit: 'percent', target: 5, measured, met });
    };
    expect(heldBack(5.0004, false)).toBe('at most 5 %: 5.001 %');
    expect(heldBack(1.001, true)).toBe('at most 5 %: 1.001 %');
    expect(heldBack(0.0001, true)).toBe('at most 5 %: 0.001 %');
    expect(heldBack(0, true)).toBe('at most 5 %: 0 %');
    expect(told({ measured: 99.99999, met: true })).toBe('at least 99.9 %: 99.999 %');
    expect(told({ measured: 99.901, met: true })).toBe('at least 99.9 %: 99.901 %');
    const answered = (target: number, measured: number, met: boolean) => {
      return told({ name: 'retrieval_p99', unit: 'ms', target, measured, met });
    };
    expect(answered(500, 500.4, false)).toBe('at most 500 ms: 501 ms');
    expect(answered(500, 499.6, true)).toBe('at most 500 ms: 499 ms');
    expect(answered(10_400, 10_401, false)).toBe('at most 10.4 s: 11 s');
    expect(answered(10_400, 10_399, true)).toBe('at most 10.4 s: 10 s');
    expect(answered(180_000, 180_001, false)).toBe('at most 3 min: 3.1 min');
    expect(told({ name: 'red_violations_open', unit: 'count', target: 0, measured: 1_234 })).toBe('at most 0: 1,234');
  });
});

/** As the API judges it. */
const budgetOf = (oldestMs: number | null, p99Ms: number | null): Budget => {
  const stages = STAGES.map((stage) => ({ stage, budgetMs: 2_000, p99Ms, oldestWaitingMs: null }));
  const standing = stages.map((each) => (each.stage === 'transform' ? { ...each, oldestWaitingMs: oldestMs } : each));
  return judgeBudget({ modality: 'chat', budgetMs: 10_000, p99Ms, oldestWaitingMs: oldestMs, stages: standing });
};

describe('a stage', () => {
  it('shows which share of its budget is used, by what passed or by what stands there', () => {
    expect(shareOfBudget(2_000, 500, null)).toBe(0.25);
    expect(shareOfBudget(2_000, 500, 3_000)).toBe(1.5);
    expect(shareOfBudget(2_000, -20, null)).toBe(0);
    expect(shareOfBudget(2_000, null, null)).toBeNull();
  });

  it('is red by its own name, and no other is', () => {
    const budget = budgetOf(5_000, 400);
    const each = { p50: 100, p95: 300, p99: 400 };
    const stages = { ingest: each, stream: each, transform: each, index: each };
    const passed: ModalityFreshness = { modality: 'chat', count: 9, stages, total: each };
    const rows = stageRows(budget, passed);
    expect(stagesAtFault(budget)).toBe(STAGE_NAMES.transform);
    expect(rows.map(([name, , , , , , share, verdict]) => [name?.text, share?.text, verdict?.text])).toEqual([
      ['Δi ingest', '20 %', 'within'],
      ['Δs stream', '20 %', 'within'],
      ['Δt transform', '250 %', 'OVER'],
      ['Δx index', '20 %', 'within'],
      ['Total', '50 %', 'within'],
    ]);
    expect(rows.map(([name]) => name?.tone)).toEqual([undefined, undefined, 'bad', undefined, undefined]);
    // A bar ends where its budget does.
    expect(rows[2]?.[6]?.share).toBe(1);
    const [, , , , oldest, , , nothing] = stageRows(budgetOf(null, null), undefined)[0]!;
    expect([oldest?.text, nothing?.text]).toEqual(['none', 'nothing passed']);
  });

  it('is worded as short as can be, without a breach that has been told as none', () => {
    expect([0, 640, 999.6, 9_940, 118_000, 180_000, 5_400_000, 9_000_000, 259_200_000].map((ms) => duration(ms))).toEqual([
      '0 ms', '640 ms', '1 s', '9.9 s', '118 s', '3 min', '90 min', '2.5 h', '3 d',
    ]); // prettier-ignore
    const told = (minutesToBreach: number | null, drainSeconds: number | null = null) =>
      forecast({ minutesToBreach, drainSeconds });
    expect(told(null)).toBe('no breach in sight');
    expect(told(null, 90)).toBe('no breach in sight; what waits is gone in 90 s');
    expect(told(0)).toBe('the budget is breached now');
    expect(told(0.2)).toBe('the budget is breached in less than a minute');
    expect(told(4.26)).toBe('the budget is breached in 4.3 min');
    expect(forecast(undefined)).toMatch(/^not known/);
    expect(waitingRows(undefined)).toHaveLength(1);
  });
});

describe('steps against pressure', () => {
  it('are those that the API knows, each with all before it', () => {
    for (const [place, step] of PRESSURE_STEPS.entries()) {
      expect(stepsInForce(step)).toEqual(PRESSURE_STEPS.slice(1, place + 1));
    }
  });
});

const STRETCH_MS = 30_000;
const BUDGET_MS = 10_000;

/** Stretches of these rates; what waits follows from them where it is not given. */
function pastOf(rates: readonly (readonly [arrived: number, completed: number, waiting?: number])[]): Past {
  let waiting = 0;
  const points = rates.map(([arrived, completed, given], index) => {
    waiting = given ?? Math.max(0, waiting + (arrived - completed) * (STRETCH_MS / 1_000));
    const at = new Date(NOW - (rates.length - index) * STRETCH_MS).toISOString();
    const lag = completed === 0 ? null : (waiting / completed) * 1_000;
    return {
      at,
      modality: 'chat' as const,
      waiting,
      oldestMs: lag,
      expectedLagMs: lag,
      arrivedPerSecond: arrived,
      completedPerSecond: completed,
      minutesToBreach: null,
    };
  });
  const lags = points.flatMap(({ at, modality, expectedLagMs }) => {
    if (expectedLagMs === null) return [];
    return { at, modality, reached: 1, total: { p50: expectedLagMs, p95: expectedLagMs + 1, p99: expectedLagMs + 2 } };
  });
  const history = { stretchMs: STRETCH_MS, modalities: points, pressure: [] };
  return {
    lag: { window: '1h', stretchMs: STRETCH_MS, modalities: lags },
    backlog: { history } as unknown as Past['backlog'],
  };
}
const calm = Array.from({ length: 10 }, (_, index) => [10 + (index % 2), 10 + ((index + 1) % 2)] as const);
const surge = Array.from({ length: 8 }, () => [30, 20] as const);
const relief = Array.from({ length: 20 }, () => [10, 20] as const);
const FRAME = { windowMs: 60 * STRETCH_MS, now: NOW, width: 600, budgetMs: BUDGET_MS };
const partings = (past: Past) => partingsOf(courseOf(past, 'chat'), BUDGET_MS, STRETCH_MS);

describe('where arrivals and pace part', () => {
  it('is told from where what waits builds up to where it no longer does', () => {
    const past = pastOf([...calm, ...surge, ...relief]);
    const start = NOW - (surge.length + relief.length) * STRETCH_MS;
    const [parting, ...others] = partings(past);
    expect(others).toEqual([]);
    expect(Math.abs(parting!.from - start)).toBeLessThanOrEqual(STRETCH_MS);
    expect(Math.abs(parting!.until - (start + surge.length * STRETCH_MS))).toBeLessThanOrEqual(2 * STRETCH_MS);
    expect(parting!.open).toBe(false);
    expect(partings(pastOf([...calm, ...surge]))).toMatchObject([{ open: true, until: NOW }]);
    // Rates alone differ by chance before anything builds up.
    const slight = Array.from({ length: 6 }, () => [10.2, 10, 0] as const);
    expect(Math.abs(partings(pastOf([...slight, ...surge, ...relief]))[0]!.from - start)).toBeLessThanOrEqual(
      STRETCH_MS,
    );
  });

  it('is nowhere while chance alone parts them, nor while what waits takes less than half its budget', () => {
    expect(partings(pastOf([...calm, ...calm, ...calm]))).toEqual([]);
    const slight = Array.from({ length: 8 }, () => [20.2, 20] as const);
    expect(partings(pastOf([...calm, ...slight, ...relief]))).toEqual([]);
    expect(partings(pastOf([]))).toEqual([]);
  });

  it('is marked in the chart, over the same axis of time as lag, backlog and rates, and told in words', () => {
    const past = pastOf([...calm, ...surge, ...relief]);
    const drawing = drawingOf(past, 'chat', FRAME);
    expect(drawing.panels.map(({ lines }) => lines.map(({ name }) => name))).toEqual([
      ['p50', 'p95', 'p99'],
      ['waiting'],
      ['arrived', 'completed'],
    ]);
    expect(drawing.bands).toHaveLength(1);
    expect(drawing.summary).toMatch(/Arrivals and pace parted from \d\d:\d\d:\d\d to \d\d:\d\d:\d\d/);
    for (const { lines, top, bottom, limit } of drawing.panels) {
      const places = lines.flatMap(({ d }) =>
        [...d.matchAll(/[ML](\S+?) ([\d.]+)/g)].map(([, x, y]) => [Number(x), Number(y)]),
      );
      expect(places.length).toBeGreaterThan(0);
      for (const [x, y] of places) {
        expect(x! >= drawing.left && x! <= drawing.right && y! >= top && y! <= bottom).toBe(true);
      }
      if (limit !== undefined) expect(limit.y > top && limit.y < bottom).toBe(true);
    }
    const empty = drawingOf(pastOf([]), 'chat', FRAME);
    expect(empty.summary).toMatch(/^Nothing was sampled/);
    expect(empty.panels.flatMap(({ lines }) => lines.map(({ d }) => d)).join('')).toBe('');
  });
});

describe('asking again', () => {
  it('comes later after each failure, up to a minute, no sooner than the API says nor than its turn', () => {
    expect([0, 1, 2, 3, 4, 9].map((failures) => restOf(5_000, failures))).toEqual([
      5_000, 10_000, 20_000, 40_000, 60_000, 60_000,
    ]);
    expect(restOf(5_000, 1, 90_000)).toBe(90_000);
    expect(restOf(300_000, 3)).toBe(300_000);
  });

  it('waits as long as the API says, in seconds or as a date, and as long as ever where that cannot be read', () => {
    expect(retryAfterOf('7', NOW)).toBe(7_000);
    expect(retryAfterOf(new Date(NOW + 30_000).toUTCString(), NOW)).toBe(30_000);
    expect(retryAfterOf(new Date(NOW - 30_000).toUTCString(), NOW)).toBe(0);
    expect([null, '', 'soon', '-1'].map((header) => retryAfterOf(header, NOW))).toEqual([0, 0, 0, 0]);
    // No timer waits for longer than 24 days: it would fire at once.
    expect(retryAfterOf('9999999', NOW)).toBe(3_600_000);
  });

  it('is of no use with a key that no header can carry', async () => {
    const ask = askWith('ключ', new AbortController().signal);
    await expect(ask('/v1/health')).rejects.toMatchObject({
      ofKey: true,
      message: 'it has a character that no key has',
    });
  });

  it('says when it is asked again, or that it is not while held still', () => {
    expect(unanswered('the service level', '503 Overloaded', 9_100)).toBe(
      'Nothing new about the service level: 503 Overloaded. It is asked again in 10 s.',
    );
    expect(unanswered('the service level', '503 Overloaded', null)).toBe(
      'Nothing new about the service level: 503 Overloaded. It is not asked again while held still.',
    );
  });

  it("goes by the server's clock where it differs from this one by more than Date can tell", () => {
    const date = (ms: number) => new Date(NOW + ms).toUTCString();
    expect([300_000, -300_000].map((ms) => aheadOf(date(ms), NOW))).toEqual([300_000, -300_000]);
    expect([date(0), date(-1_000), null, 'today'].map((told) => aheadOf(told, NOW))).toEqual([0, 0, 0, 0]);
  });

  afterEach(() => vi.unstubAllGlobals());

  it('goes on, with a rest, after an answer that could not be shown, and says so', async () => {
    /** What was set and not yet fired. */
    const timers: { again: () => void; rest: number }[] = [];
    const reportError = vi.fn();
    vi.stubGlobal('window', {
      setTimeout: (again: () => void, rest: number) => timers.push({ again, rest }),
      clearTimeout: () => undefined,
      reportError,
    });
    const missed: [string, number][] = [];
    const shown: number[] = [];
    let looks = 0;
    const round = new Round({
      look: () => Promise.resolve(++looks),
      everyMs: () => 5_000,
      show: (look: number) => {
        if (look < 3) throw new TypeError('no such part');
        shown.push(look);
      },
      missed: (error, nextInMs) => missed.push([error.message, nextInMs]),
    });
    round.start();
    for (const count of [1, 2, 3]) {
      await vi.waitFor(() => expect(timers).toHaveLength(count));
      timers.at(-1)!.again();
    }
    await vi.waitFor(() => expect(timers).toHaveLength(4));
    expect(missed).toEqual([
      ['the answer could not be shown', 10_000],
      ['the answer could not be shown', 20_000],
    ]);
    expect(timers.map(({ rest }) => rest)).toEqual([10_000, 20_000, 5_000, 5_000]);
    expect(shown).toEqual([3, 4]);
    expect(reportError).toHaveBeenCalledTimes(2);
  });
});
