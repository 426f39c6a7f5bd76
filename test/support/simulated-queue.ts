import { randomOf, type Random } from '../../bench/random.ts';
import { forecastRules, pressureRules } from '../../src/backlog/rules.ts';
import { dialValues, type DialName } from '../../src/domain/dials.ts';
import { forecast, longestWindowOf, type BacklogPoint, type Forecast } from '../../src/domain/forecast.ts';
import type { Modality } from '../../src/domain/interaction.ts';
import { nextPressure, NO_PRESSURE, type Foretold, type PressureStep } from '../../src/domain/pressure.ts';

const defaults = dialValues([]);
const dials = { get: (name: DialName): number => defaults[name] };
export const BUDGET_MS: Readonly<Record<Modality, number>> = { chat: 10_000, audio: 180_000, screenshot: 20_000 };

/** What waited at a moment, as the sampler measures it. */
export interface Seen extends BacklogPoint {
  readonly oldestMs: number | null;
  readonly overdue: number;
}

/** What is foretold at a moment. */
export interface Look extends Seen {
  readonly forecast: Forecast;
}

export interface Queue {
  readonly seconds: number;
  /** Records that arrive in a second, by chance (Poisson), and the most that there will be. */
  readonly rateAt: (second: number) => number;
  readonly highestRate: number;
  /** Infinity: nobody waits for anybody. */
  readonly servers: number;
  /** Mean of an Erlang distribution of so many stages: 1 is the exponential one. */
  readonly serviceSeconds: number;
  readonly stages?: number;
}

const INTERVAL_MS = dials.get('backlog.sample_interval_ms');

/** A queue of which the first that came is served first, looked at every interval. The seed decides all. */
export function simulatedQueue(queue: Queue, seed: number): Seen[] {
  const records = recordsOf(queue, randomOf(seed));
  return Array.from({ length: (queue.seconds * 1_000) / INTERVAL_MS }, (_none, index) => {
    const [from, to] = [((index - 1) * INTERVAL_MS) / 1_000, (index * INTERVAL_MS) / 1_000];
    const waiting = records.filter(({ arrived, done }) => arrived <= to && done > to);
    const oldestMs = waiting.length === 0 ? null : (to - waiting[0]!.arrived) * 1_000;
    return {
      at: to * 1_000,
      waiting: waiting.length,
      arrived: records.filter(({ arrived }) => arrived > from && arrived <= to).length,
      completed: records.filter(({ done }) => done > from && done <= to).length,
      sinceMs: INTERVAL_MS,
      oldestMs,
      // What is foretold before anything is late is what is tested.
      overdue: 0,
    };
  });
}

function recordsOf({ seconds, rateAt, highestRate, servers, serviceSeconds, stages = 4 }: Queue, random: Random) {
  const exponential = (mean: number) => -Math.log(1 - random.next()) * mean;
  const service = () =>
    Array.from({ length: stages }).reduce<number>((sum) => sum + exponential(serviceSeconds / stages), 0);
  const free = Array.from({ length: Math.min(servers, 1_000) }, () => 0);
  const records: { arrived: number; done: number }[] = [];
  for (let second = exponential(1 / highestRate); second < seconds; second += exponential(1 / highestRate)) {
    if (random.next() * highestRate > rateAt(second)) continue;
    const next = servers === Infinity ? 0 : free.indexOf(Math.min(...free));
    const done = Math.max(second, servers === Infinity ? 0 : free[next]!) + service();
    free[next] = done;
    records.push({ arrived: second, done });
  }
  return records;
}

/** What Earshot foretells of a series, with the dials as they are by default. */
export function foretell(modality: Modality, series: readonly Seen[], intervalMs = INTERVAL_MS): Look[] {
  const rules = forecastRules(dials, BUDGET_MS[modality]);
  return series.map((seen, index) => {
    const from = seen.at - longestWindowOf(rules, intervalMs);
    const points = series.slice(0, index + 1).filter(({ at }) => at > from);
    return { ...seen, forecast: forecast(points, seen, rules, intervalMs) };
  });
}

interface TimedForetold {
  readonly at: number;
  readonly foretold: Foretold;
}

/** The steps that are taken, each with the second at which it is. */
export function stepsOver(series: Readonly<Partial<Record<Modality, readonly Look[]>>>): [number, PressureStep][] {
  const looks = Object.entries(series).flatMap(([modality, each]) =>
    each.map(({ at, forecast: seen }): TimedForetold => ({
      at,
      foretold: { ...seen, tenant: 'default', modality: modality as Modality, minutes: seen.minutesToBreach },
    })),
  );
  const steps: [number, PressureStep][] = [];
  let current = NO_PRESSURE;
  for (const [at, together] of [...Map.groupBy(looks, (look) => look.at)].toSorted(([one], [other]) => one - other)) {
    const before = current.step;
    const foretold = together.map((look) => look.foretold);
    current = nextPressure(current, foretold, pressureRules(dials), at);
    if (current.step !== before) steps.push([at / 1_000, current.step]);
  }
  return steps;
}
