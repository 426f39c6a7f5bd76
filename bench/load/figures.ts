import type { StageTimes } from '../../src/domain/freshness.ts';
import type { Modality } from '../../src/domain/interaction.ts';
import { percentileOf } from '../../src/domain/percentile.ts';
import type { AuditedRecord } from './audit.ts';

export const MODALITIES: readonly Modality[] = ['chat', 'audio', 'screenshot'];
export const STAGES = ['ingestMs', 'streamMs', 'transformMs', 'indexMs', 'totalMs'] as const;

export interface Percentiles {
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
}

/** Nearest rank; undefined without values. */
export function percentilesOf(values: readonly number[]): Percentiles | undefined {
  if (values.length === 0) return undefined;
  const at = (share: number) => percentileOf(values, share)!;
  return { p50: at(0.5), p95: at(0.95), p99: at(0.99) };
}

export type StagePercentiles = Readonly<Record<keyof StageTimes, Percentiles | undefined>>;

/** Freshness by stage of what is reachable and did not come late. */
export function freshnessOf(records: readonly AuditedRecord[]): StagePercentiles {
  const counted = records.filter(({ fate, late }) => fate === 'reachable' && !late);
  const of = (stage: keyof StageTimes) => percentilesOf(counted.flatMap(({ stages }) => stages[stage] ?? []));
  return Object.fromEntries(STAGES.map((stage) => [stage, of(stage)])) as StagePercentiles;
}

/** One modality over the seconds of a run; each list has a value for each second. */
export interface Course {
  readonly accepted: readonly number[];
  readonly reached: readonly number[];
  /** Accepted and not yet reachable at the end of the second. */
  readonly waiting: readonly number[];
  /** Freshness of what became reachable within the last seconds; undefined where nothing did. */
  readonly lagP50: readonly (number | undefined)[];
  readonly lagP99: readonly (number | undefined)[];
}

/** Rates and percentiles are those of so many seconds up to each. */
export const SMOOTH_SECONDS = 10;

/** What records tell of a run, from its start, in milliseconds since 1970. What ended otherwise than reachable is no backlog. */
export function courseOf(records: readonly AuditedRecord[], startedAt: number, seconds: number): Course {
  const second = (moment: Date | null) =>
    moment === null ? undefined : Math.min(Math.max(Math.floor((moment.getTime() - startedAt) / 1000), 0), seconds - 1);
  const accepted = Array.from({ length: seconds }, () => 0);
  const reached = Array.from({ length: seconds }, () => 0);
  const lags = Array.from({ length: seconds }, (): number[] => []);
  for (const { fate, late, acceptedAt, reachableAt, stages } of records) {
    if (fate !== 'reachable' && fate !== 'waiting') continue;
    accepted[second(acceptedAt)!]! += 1;
    const at = fate === 'reachable' ? second(reachableAt) : undefined;
    if (at === undefined) continue;
    reached[at]! += 1;
    if (!late) lags[at]!.push(stages.totalMs!);
  }
  let waits = 0;
  const waiting = accepted.map((count, at) => (waits += count - reached[at]!));
  const recent = lags.map((_, at) => percentilesOf(lags.slice(Math.max(0, at - SMOOTH_SECONDS + 1), at + 1).flat()));
  return {
    accepted,
    reached,
    waiting,
    lagP50: recent.map((each) => each?.p50),
    lagP99: recent.map((each) => each?.p99),
  };
}

/** The mean of the last `SMOOTH_SECONDS` up to each second. */
export function smooth(perSecond: readonly number[]): number[] {
  return perSecond.map((_, at) => {
    const window = perSecond.slice(Math.max(0, at - SMOOTH_SECONDS + 1), at + 1);
    return window.reduce((sum, value) => sum + value, 0) / window.length;
  });
}

/** Seconds of a run at which something began; undefined when it never did. */
export interface Parting {
  /** From here on, until the backlog's alarm, more came than was made reachable. */
  readonly partedAt: number | undefined;
  /** What waits grows, and at the pace of then would take half the budget (Little's law): an alarm that leads. */
  readonly backlogAlarmAt: number | undefined;
  /** The p99 of what became reachable was above the budget: an alarm that comes when it is too late. */
  readonly lagAlarmAt: number | undefined;
}

/** How long something has to stand before it is an alarm: shorter rings for every burst. */
const ALARM_AFTER_SECONDS = 5;

export function partingOf(course: Course, budgetMs: number): Parting {
  const arrival = smooth(course.accepted);
  const pace = smooth(course.reached);
  const overflows = course.waiting.map((waiting, at) => {
    const grows = waiting > (course.waiting[at - SMOOTH_SECONDS] ?? 0);
    return grows && pace[at]! > 0 && (waiting / pace[at]!) * 1000 > budgetMs / 2;
  });
  const backlogAlarm = alarmOf(overflows);
  const lagAlarm = alarmOf(course.lagP99.map((lag) => lag !== undefined && lag > budgetMs));
  const parted = (alarm: number) => arrival.findLastIndex((rate, at) => at < alarm && rate <= pace[at]!) + 1;
  return {
    partedAt: backlogAlarm === undefined ? undefined : parted(backlogAlarm - ALARM_AFTER_SECONDS + 1),
    backlogAlarmAt: backlogAlarm,
    lagAlarmAt: lagAlarm,
  };
}

/** The second at which something has stood for long enough. */
function alarmOf(stands: readonly boolean[]): number | undefined {
  let since = 0;
  const at = stands.findIndex((each) => (since = each ? since + 1 : 0) === ALARM_AFTER_SECONDS);
  return at < 0 ? undefined : at;
}

export interface Capacity {
  /** Highest mean over `SMOOTH_SECONDS`, per second. */
  readonly peakArrival: number;
  readonly peakPace: number;
  readonly peakWaiting: number;
  readonly peakLagMs: number | undefined;
  /** From the last acceptance to the last that became reachable, in seconds; undefined while some still wait. */
  readonly drainSeconds: number | undefined;
  /** Per second, from the parting until nothing waited; undefined where nothing parted. */
  readonly backloggedPace: number | undefined;
  /** As a multiple of what there was, to keep up with the peak: its arrivals to that pace. 1 where nothing parted. */
  readonly neededCapacity: number;
}

export function capacityOf(records: readonly AuditedRecord[], course: Course, { partedAt }: Parting): Capacity {
  const counted = records.filter(({ fate }) => fate === 'reachable' || fate === 'waiting');
  const latest = (times: readonly (Date | null)[]) => most(times.map((time) => time?.getTime() ?? 0)) ?? 0;
  const waits = counted.some(({ fate }) => fate === 'waiting');
  const none = counted.length === 0;
  const peakArrival = most(smooth(course.accepted)) ?? 0;
  const peakPace = most(smooth(course.reached)) ?? 0;
  const busy =
    partedAt === undefined ? [] : course.reached.filter((_, at) => at >= partedAt && course.waiting[at]! > 0);
  const backlogged = busy.length === 0 ? undefined : busy.reduce((sum, count) => sum + count, 0) / busy.length;
  const lags = counted.filter(({ late }) => !late).flatMap(({ stages }) => stages.totalMs ?? []);
  const drainMs = latest(counted.map((each) => each.reachableAt)) - latest(counted.map((each) => each.acceptedAt));
  return {
    peakArrival,
    peakPace,
    peakWaiting: most(course.waiting) ?? 0,
    peakLagMs: most(lags),
    drainSeconds: none || waits ? undefined : Math.max(0, drainMs / 1000),
    backloggedPace: backlogged,
    neededCapacity: backlogged === undefined || backlogged === 0 ? 1 : Math.max(1, peakArrival / backlogged),
  };
}

function most(values: readonly number[]): number | undefined {
  return values.length === 0 ? undefined : values.reduce((one, other) => Math.max(one, other));
}

/** Slope by least squares, in units of `values` per unit of `at`; undefined below three points. */
export function slopeOf(points: readonly { readonly at: number; readonly value: number }[]): number | undefined {
  if (points.length < 3) return undefined;
  const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const [x, y] = [mean(points.map(({ at }) => at)), mean(points.map(({ value }) => value))];
  const spread = points.reduce((sum, { at }) => sum + (at - x) ** 2, 0);
  return spread === 0 ? undefined : points.reduce((sum, { at, value }) => sum + (at - x) * (value - y), 0) / spread;
}
