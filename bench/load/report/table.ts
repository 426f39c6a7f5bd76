import Table from 'cli-table3';
import { FATES, type Audit } from '../audit.ts';
import { STAGES, type Percentiles } from '../figures.ts';
import { KINDS } from '../profile.ts';
import type { LoadReport } from './report.ts';
import { stageTitle, told } from './wording.ts';

/** The report for a terminal. */
export function tableOf(report: LoadReport): string {
  return [
    heading(report),
    fates(report),
    freshness(report),
    capacity(report),
    hot(report),
    processTableOf(report.processes),
  ].join('\n');
}

/** Lines between rows would double the length of the report. */
const WITHOUT_LINES = { mid: '', 'left-mid': '', 'mid-mid': '', 'right-mid': '' };

function plain(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const table = new Table({ head: [...head], style: { head: [], border: [] }, chars: WITHOUT_LINES });
  table.push(...rows.map((row) => [...row]));
  return table.toString();
}

function heading({ run, load, machine, sent }: LoadReport): string {
  const hours = load.hours.map((hour) => `${String(Math.floor(hour)).padStart(2, '0')}:${minutesOf(hour)}`).join('–');
  const arrivals = KINDS.map((kind) => `${load.arrivals[kind]} ${kind}s`).join(', ');
  return [
    '',
    `Load ${run}: ${load.profile}, ${hours} at ${load.speed} × in ${load.seconds.toFixed(0)} s, seed ${load.seed}; ${machine}`,
    `${load.timesAverage.toFixed(1)} × the average day: ${arrivals}; ${load.late} late, ${load.outOfOrder} out of order, ${load.copies} sent twice`,
    `202 after due, p50/p95/p99 ms: ${KINDS.map((kind) => `${kind} ${triple(sent.answerMs[kind])}`).join(', ')}`,
  ].join('\n');
}

function minutesOf(hour: number): string {
  return String(Math.round((hour % 1) * 60)).padStart(2, '0');
}

type Rows = readonly (readonly [string, string])[];

/** What became of the records that were acknowledged. */
export function fatesOf(audit: Omit<Audit, 'records'>, further: Rows = []): string {
  const rows: Rows = [
    ['acknowledged', String(audit.acknowledged)],
    ...FATES.map((fate) => [fate, String(audit.fates[fate])] as const),
    ['doubled', String(audit.doubled.length)],
    ['two arrivals, one id', String(audit.merged.length)],
    ['one arrival, two ids', String(audit.split.length)],
  ];
  return plain(['records', ''], [...rows, ...further]);
}

function fates({ sent, audit, quiet }: LoadReport): string {
  const counts = (record: Readonly<Record<string, number>>) =>
    Object.entries(record)
      .map(([name, count]) => `${name} ${count}`)
      .join(', ') || '0';
  return fatesOf(audit, [
    ['refused (429, 503), then sent again', counts(sent.refused)],
    ['rejected for good', counts(sent.rejected)],
    ['not answered, then sent again', String(sent.broken)],
    ['given up', String(sent.givenUp)],
    ['quiet in the end', quiet ? 'yes' : 'no'],
  ]);
}

function freshness({ modalities }: LoadReport): string {
  const rows = modalities.map((each) => [
    each.modality,
    String(each.records),
    ...STAGES.map((stage) => triple(each.freshness[stage])),
    told(each.budgetMs),
    each.withinBudget === undefined ? '–' : each.withinBudget ? 'yes' : 'NO',
  ]);
  const stages = STAGES.map((stage) => stageTitle(stage));
  return `${plain(['p50/p95/p99', 'records', ...stages, 'budget', 'p99 within'], rows)}\nMilliseconds, or seconds where it says s. Late ones are left out.`;
}

function capacity({ modalities, steps }: LoadReport): string {
  const at = (second: number | undefined) => (second === undefined ? '–' : `${second} s`);
  const rows = modalities.map(({ modality, capacity: own, parting, forecastAt }) => [
    modality,
    own.peakArrival.toFixed(2),
    own.peakPace.toFixed(2),
    own.backloggedPace === undefined ? '–' : own.backloggedPace.toFixed(2),
    own.backloggedPace === undefined ? 'kept up' : own.neededCapacity.toFixed(2),
    String(own.peakWaiting),
    own.peakLagMs === undefined ? '–' : told(own.peakLagMs),
    own.drainSeconds === undefined ? 'not drained' : `${own.drainSeconds.toFixed(1)} s`,
    at(parting.partedAt),
    at(parting.backlogAlarmAt),
    at(forecastAt),
    at(parting.lagAlarmAt),
  ]);
  const head = [
    '',
    'peak arrival/s',
    'peak pace/s',
    'pace when behind',
    'needed ×',
    'peak waiting',
    'peak lag',
    'drain',
  ];
  const taken = steps.map(({ at: second, step }) => `${step} at ${second} s`).join(', ');
  const table = plain([...head, 'parting', 'backlog alarm', 'forecast', 'lag alarm'], rows);
  return taken === '' ? table : `${table}\nSteps against the pressure: ${taken}.`;
}

function hot({ hotCustomers }: LoadReport): string {
  const rows = hotCustomers.map(({ modality, customers, share, own, others }) => {
    return [modality, String(customers), `${(share * 100).toFixed(0)} %`, triple(own), triple(others)];
  });
  return plain(['total p50/p95/p99', 'hot customers', 'of records', 'theirs', 'all others'], rows);
}

/** What each process took of the machine. */
export function processTableOf(all: LoadReport['processes']): string {
  if (all.length === 0) return 'Use of the machine was not followed.';
  const rows = all.map((each) => [
    each.name,
    each.cpuSeconds.toFixed(1),
    each.cores.toFixed(2),
    `${each.rssStartMib.toFixed(0)} → ${each.rssEndMib.toFixed(0)}`,
    slopeTold(each.rssSlopeMibPerHour),
    slopeTold(each.rssSecondHalfSlopeMibPerHour),
  ]);
  const head = ['', 'CPU s', 'cores', 'RSS MiB', 'RSS slope, MiB/h', 'RSS slope of the second half, MiB/h'];
  return plain(head, rows);
}

function slopeTold(slope: number | undefined): string {
  return slope === undefined ? '–' : slope.toFixed(0);
}

function triple(percentiles: Percentiles | undefined): string {
  return percentiles === undefined
    ? '–'
    : [percentiles.p50, percentiles.p95, percentiles.p99].map((ms) => told(ms)).join(' / ');
}
