import { percentile } from '../scenario.ts';
import type { BenchOptions } from './arguments.ts';
import type { Contender } from './contenders.ts';
import type { Idle, Kill, Outcome, Result } from './rounds.ts';
import { PARTS } from './running.ts';
import { ratiosByRound, spreadOf } from './statistics.ts';

/** What everybody is compared with. */
const OURS = 'earshot';

/** One table of the report, whatever it is written to. */
export interface ReportTable {
  readonly title: string;
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** The tables of a run: speed, ratios and cost of each scenario, what standing still costs, and what kill -9 did. */
export function reportTables(options: BenchOptions, { results, idle, kills }: Outcome): ReportTable[] {
  const { contenders, scenarios, drainSeconds } = options;
  const tables = scenarios.flatMap(({ name, title, concurrency }) => {
    const own = results.filter(({ scenario }) => scenario === name);
    const speed = concurrency === 1 ? latencies(contenders, own) : speeds(contenders, own);
    return [
      { title, ...speed },
      { title: `${title}: what it costs`, ...costs(contenders, own) },
    ];
  });
  if (idle.length > 0) tables.push({ title: 'standing still, in cores', ...standing(contenders, idle) });
  if (kills.length > 0) {
    const title = 'kill -9 of API and workers in the middle of a burst';
    tables.push({ title, ...killed(contenders, kills, drainSeconds) });
  }
  return tables;
}

type Body = Omit<ReportTable, 'title'>;

function latencies(contenders: readonly Contender[], results: readonly Result[]): Body {
  const p50 = (result: Result) => percentile(result.reachableMs, 0.5);
  const p99 = (result: Result) => percentile(result.reachableMs, 0.99);
  return {
    head: [
      '',
      'answer p50 / p99, ms',
      'reachable p50, ms',
      'reachable p99, ms',
      'Earshot’s p50 to it',
      'Earshot’s p99',
    ],
    rows: contenders.map(({ name, title }) => [
      title,
      pooled(of(results, name), ({ answerMs }) => answerMs),
      spread(of(results, name).map(p50)),
      spread(of(results, name).map(p99)),
      ratio(results, name, p50),
      ratio(results, name, p99),
    ]),
  };
}

function speeds(contenders: readonly Contender[], results: readonly Result[]): Body {
  const speed = ({ messagesPerSecond }: Result) => messagesPerSecond;
  return {
    head: ['', 'messages/s', 'Earshot’s to it', 'answer p50 / p99, ms', 'repeated'],
    rows: contenders.map(({ name, title }) => [
      title,
      spread(of(results, name).map(speed)),
      ratio(results, name, speed),
      pooled(of(results, name), ({ answerMs }) => answerMs),
      String(of(results, name).reduce((sum, { repeats }) => sum + repeats, 0)),
    ]),
  };
}

function costs(contenders: readonly Contender[], results: readonly Result[]): Body {
  const perThousand = ({ messages }: Result, value: number) => (value / messages) * 1000;
  const cpu = (result: Result) => {
    const seconds = PARTS.reduce((sum, part) => sum + result.cpuSeconds[part], 0);
    return perThousand(result, seconds);
  };
  return {
    head: [
      'CPU s per 1,000 messages',
      'all',
      ...PARTS,
      'Earshot’s to it',
      'writing tx/msg',
      'WAL KB/msg',
      'model requests/msg',
    ],
    rows: contenders.map(({ name, title }) => {
      const own = of(results, name);
      const middle = (value: (result: Result) => number) => figure(spreadOf(own.map(value)).median);
      return [
        title,
        spread(own.map(cpu)),
        ...PARTS.map((part) => middle((result) => perThousand(result, result.cpuSeconds[part]))),
        ratio(results, name, cpu),
        middle(({ writingTransactions, messages }) => writingTransactions / messages),
        middle(({ walBytes, messages }) => walBytes / 1024 / messages),
        middle(({ modelRequests, messages }) => modelRequests / messages),
      ];
    }),
  };
}

function standing(contenders: readonly Contender[], all: readonly Idle[]): Body {
  return {
    head: ['', ...PARTS],
    rows: contenders.map(({ name, title }) => {
      const own = all.filter(({ contender }) => contender === name);
      return [title, ...PARTS.map((part) => spreadOf(own.map(({ cores }) => cores[part])).median.toFixed(3))];
    }),
  };
}

function killed(contenders: readonly Contender[], all: readonly Kill[], drainSeconds: number): Body {
  return {
    head: [
      '',
      'kills',
      'acknowledged before',
      'in all',
      'lost',
      'doubled',
      'ready after, s',
      'recovered then after, s',
    ],
    rows: contenders.map(({ name, title }) => {
      const own = all.filter(({ contender }) => contender === name);
      const sum = (value: (kill: Kill) => number) => String(own.reduce((total, kill) => total + value(kill), 0));
      const recovered = own.flatMap(({ recoveredAfterMs: ms }) => (ms === null ? [] : [ms / 1000]));
      const stuck = own.length - recovered.length;
      return [
        title,
        String(own.length),
        sum(({ acknowledgedBefore }) => acknowledgedBefore),
        sum(({ acknowledged }) => acknowledged),
        sum(({ lost }) => lost),
        sum(({ doubled, unasked }) => doubled + unasked),
        spread(own.map(({ readyAfterMs }) => readyAfterMs / 1000)),
        `${spread(recovered)}${stuck === 0 ? '' : `; ${stuck} not in ${drainSeconds} s`}`,
      ];
    }),
  };
}

function of(results: readonly Result[], name: string): Result[] {
  return results.filter(({ contender }) => contender === name);
}

/** Earshot's value by the other's, within each round. */
function ratio(results: readonly Result[], name: string, value: (result: Result) => number): string {
  const byRound = (contender: string) => new Map(of(results, contender).map((each) => [each.round, value(each)]));
  return spread(name === OURS ? [] : ratiosByRound(byRound(OURS), byRound(name)));
}

function pooled(results: readonly Result[], values: (result: Result) => readonly number[]): string {
  const all = results.flatMap(values);
  return `${figure(percentile(all, 0.5))} / ${figure(percentile(all, 0.99))}`;
}

/** The middle of the rounds, and their range where there are several. */
function spread(values: readonly number[]): string {
  const { median, least, greatest } = spreadOf(values);
  if (values.length < 2) return figure(median);
  return `${figure(median)} (${figure(least)}–${figure(greatest)})`;
}

/** Three digits, as far as they mean something. */
function figure(value: number): string {
  if (!Number.isFinite(value)) return '–';
  if (value === 0) return '0';
  return value >= 100 ? Math.round(value).toLocaleString('en') : value.toPrecision(3);
}
