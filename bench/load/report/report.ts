import { cpus } from 'node:os';
import { FRESHNESS_DIALS } from '../../../src/domain/dials/freshness.ts';
import type { Modality } from '../../../src/domain/interaction.ts';
import type { StubStats } from '../../stub-models/tally.ts';
import { keepsPromises, type Audit, type AuditedRecord } from '../audit.ts';
import {
  capacityOf,
  courseOf,
  freshnessOf,
  MODALITIES,
  partingOf,
  percentilesOf,
  slopeOf,
  type Capacity,
  type Course,
  type Parting,
  type Percentiles,
  type StagePercentiles,
} from '../figures.ts';
import { forecastAt, stepsOf } from '../own-view.ts';
import { KINDS, type Kind } from '../profile.ts';
import { timesAverage, type ScheduledArrival, type ScheduleOptions } from '../schedule.ts';
import type { Delivered, Sent } from '../sender.ts';
import type { Sample } from '../watch.ts';
import { hotCustomersOf, type HotCustomers } from './hot-customers.ts';

/** All that was measured of a run. Times in milliseconds where the name says nothing else. */
export interface LoadReport {
  readonly run: string;
  readonly startedAt: string;
  readonly machine: string;
  readonly load: {
    readonly profile: string;
    readonly seed: number;
    readonly speed: number;
    readonly scale: number;
    readonly hours: readonly [number, number];
    readonly seconds: number;
    readonly timesAverage: number;
    readonly arrivals: Readonly<Record<Kind, number>>;
    readonly late: number;
    readonly copies: number;
    readonly outOfOrder: number;
  };
  readonly sent: {
    readonly due: number;
    readonly accepted: number;
    readonly refused: Readonly<Record<string, number>>;
    readonly rejected: Readonly<Record<string, number>>;
    readonly broken: number;
    readonly givenUp: number;
    /** From due to 202. */
    readonly answerMs: Readonly<Record<Kind, Percentiles | undefined>>;
  };
  readonly audit: Omit<Audit, 'records'>;
  /** Whether all was reachable before the run was ended. */
  readonly quiet: boolean;
  readonly modalities: readonly ModalityReport[];
  readonly hotCustomers: readonly HotCustomers[];
  /** Steps that Earshot took against the pressure. */
  readonly steps: readonly { readonly at: number; readonly step: string }[];
  readonly processes: readonly ProcessReport[];
  readonly models: StubStats | undefined;
  readonly samples: readonly Sample[];
}

export interface ModalityReport {
  readonly modality: Modality;
  readonly records: number;
  /** Of them, those that came late: they count for no percentile. */
  readonly late: number;
  readonly budgetMs: number;
  readonly withinBudget: boolean | undefined;
  readonly freshness: StagePercentiles;
  readonly capacity: Capacity;
  readonly parting: Parting;
  /** The second at which Earshot foretold a breach; undefined where it did not, or tells no forecast. */
  readonly forecastAt: number | undefined;
  readonly course: Course;
}

export interface ProcessReport {
  readonly name: string;
  readonly cpuSeconds: number;
  /** Of one core, over the whole run. */
  readonly cores: number;
  readonly rssStartMib: number;
  readonly rssEndMib: number;
  /** By least squares over the last three quarters of the run: the first holds what is loaded once. */
  readonly rssSlopeMibPerHour: number | undefined;
  /** The same over the second half: in a long run caches are still warming up after a quarter. */
  readonly rssSecondHalfSlopeMibPerHour: number | undefined;
}

export interface Measured {
  readonly run: string;
  readonly startedAt: number;
  readonly schedule: readonly ScheduledArrival[];
  readonly options: ScheduleOptions;
  readonly sent: Sent;
  readonly delivered: readonly Delivered[];
  readonly audit: Audit;
  readonly quiet: boolean;
  readonly samples: readonly Sample[];
  readonly models: StubStats | undefined;
}

export function reportOf(measured: Measured): LoadReport {
  const { run, startedAt, samples, quiet, models } = measured;
  const { records, ...audit } = measured.audit;
  return {
    run,
    startedAt: new Date(startedAt).toISOString(),
    machine: `${cpus().length} cores, ${cpus()[0]?.model.trim() ?? 'unknown'}, Node ${process.version}`,
    load: loadOf(measured),
    sent: sentOf(measured),
    audit,
    quiet,
    modalities: MODALITIES.map((modality) => modalityOf(modality, records, measured)),
    hotCustomers: hotCustomersOf(records, measured.schedule, measured.delivered),
    steps: stepsOf(samples),
    processes: processesOf(samples),
    models,
    samples,
  };
}

/** Whether every promise was kept: all that was acknowledged is there once, and nothing was refused for good. */
export function isClean({ audit, sent, quiet }: LoadReport): boolean {
  return keepsPromises(audit) && quiet && audit.fates.failed === 0 && Object.keys(sent.rejected).length === 0;
}

function loadOf({ schedule, options }: Measured): LoadReport['load'] {
  const { profile, seed, speed, scale, fromMs, toMs } = options;
  const first = schedule.filter(({ delivery }) => delivery !== 'copy');
  const with_ = (delivery: string) => schedule.filter((arrival) => arrival.delivery === delivery).length;
  return {
    profile: profile.name,
    seed,
    speed,
    scale,
    hours: [fromMs / 3_600_000, toMs / 3_600_000],
    seconds: (toMs - fromMs) / speed / 1000,
    timesAverage: timesAverage(options),
    arrivals: byKind((kind) => first.filter((arrival) => arrival.kind === kind).length),
    late: with_('late'),
    copies: with_('copy'),
    outOfOrder: with_('out_of_order'),
  };
}

function sentOf({ sent, delivered }: Measured): LoadReport['sent'] {
  return {
    due: sent.due,
    accepted: sent.accepted,
    refused: Object.fromEntries(sent.refused),
    rejected: Object.fromEntries(sent.rejected),
    broken: sent.broken,
    givenUp: sent.givenUp,
    answerMs: byKind((kind) =>
      percentilesOf(delivered.filter((each) => each.kind === kind).map(({ answerMs }) => answerMs)),
    ),
  };
}

function byKind<T>(of: (kind: Kind) => T): Record<Kind, T> {
  return Object.fromEntries(KINDS.map((kind) => [kind, of(kind)])) as Record<Kind, T>;
}

function modalityOf(modality: Modality, all: readonly AuditedRecord[], measured: Measured): ModalityReport {
  const records = all.filter((record) => record.modality === modality);
  const endedMs = all.reduce((last, { acceptedAt, reachableAt }) => {
    return Math.max(last, acceptedAt.getTime(), reachableAt?.getTime() ?? 0);
  }, measured.startedAt);
  const seconds = Math.max(1, Math.ceil((endedMs - measured.startedAt) / 1000) + 1);
  const course = courseOf(records, measured.startedAt, seconds);
  const freshness = freshnessOf(records);
  const budgetMs = FRESHNESS_DIALS[`freshness.${modality}_budget_ms`].defaultValue;
  const parting = partingOf(course, budgetMs);
  return {
    modality,
    records: records.length,
    late: records.filter(({ late }) => late).length,
    budgetMs,
    withinBudget: freshness.totalMs === undefined ? undefined : freshness.totalMs.p99 <= budgetMs,
    freshness,
    capacity: capacityOf(records, course, parting),
    parting,
    forecastAt: forecastAt(measured.samples, modality),
    course,
  };
}

const MEBIBYTE = 1024 * 1024;
const HOUR_MS = 3_600_000;

/** What each process that was followed to the end took. */
export function processesOf(samples: readonly Sample[]): ProcessReport[] {
  const [first, last] = [samples[0], samples.at(-1)];
  if (first === undefined || last === undefined) return [];
  const lastedMs = last.atMs - first.atMs;
  return Object.keys(last.processes).flatMap((name) => {
    const [start, end] = [first.processes[name], last.processes[name]];
    if (start === undefined || end === undefined) return [];
    const cpuSeconds = end.cpuSeconds - start.cpuSeconds;
    return {
      name,
      cpuSeconds,
      cores: cpuSeconds / Math.max(0.001, lastedMs / 1000),
      rssStartMib: start.rssBytes / MEBIBYTE,
      rssEndMib: end.rssBytes / MEBIBYTE,
      rssSlopeMibPerHour: rssSlopeOf(name, samples, first.atMs + lastedMs / 4),
      rssSecondHalfSlopeMibPerHour: rssSlopeOf(name, samples, first.atMs + lastedMs / 2),
    };
  });
}

function rssSlopeOf(name: string, samples: readonly Sample[], fromMs: number): number | undefined {
  const points = samples.flatMap(({ atMs, processes }) => {
    const use = processes[name];
    return use === undefined || atMs < fromMs ? [] : [{ at: atMs / HOUR_MS, value: use.rssBytes / MEBIBYTE }];
  });
  return slopeOf(points);
}
