import Table from 'cli-table3';
import { percentile } from '../scenario.ts';
import type { BenchOptions } from './arguments.ts';
import type { Contender } from './contenders.ts';
import type { Machine } from './machine.ts';
import type { Idle, Kill, Outcome, Result } from './rounds.ts';
import { PARTS } from './running.ts';
import { ratiosByRound, spreadOf } from './statistics.ts';

/** What everybody is compared with. */
const OURS = 'earshot';

/** The tables of a run: speed and ratios, cost, and what kill -9 did. */
export function report(options: BenchOptions, outcome: Outcome, about: Machine): string {
  const parts = [
    `${about.cores} cores, ${about.processor}, ${about.memoryGiB} GiB, Node ${about.node}, ${about.date}, load ${about.load.toFixed(1)}`,
    ...options.scenarios.map(({ name, title, concurrency }) => {
      const results = outcome.results.filter(({ scenario }) => scenario === name);
      const table = concurrency === 1 ? latencies(options.contenders, results) : speeds(options.contenders, results);
      return `\n${title}\n${table}\n${costs(options.contenders, results)}`;
    }),
  ];
  if (outcome.idle.length > 0) parts.push(`\nStanding still, in cores\n${idle(options.contenders, outcome.idle)}`);
  if (outcome.kills.length > 0) {
    const times = options.killAfter.length;
    parts.push(`\nkill -9 of API and workers in the middle of a burst, ${times} times\n${kills(options, outcome)}`);
  }
  if (outcome.failures.length > 0) parts.push(`\nNot counted:\n${outcome.failures.join('\n')}`);
  return parts.join('\n');
}

function latencies(contenders: readonly Contender[], results: readonly Result[]): string {
  const p50 = (result: Result) => percentile(result.reachableMs, 0.5);
  const p99 = (result: Result) => percentile(result.reachableMs, 0.99);
  return tableOf(
    [
      '',
      'answer p50 / p99, ms',
      'reachable p50, ms',
      'reachable p99, ms',
      'Earshot’s p50 to it',
      'Earshot’s p99 to it',
    ],
    contenders.map(({ name, title }) => [
      title,
      pooled(of(results, name), ({ answerMs }) => answerMs),
      spread(of(results, name).map(p50)),
      spread(of(results, name).map(p99)),
      ratio(results, name, p50),
      ratio(results, name, p99),
    ]),
  );
}

function speeds(contenders: readonly Contender[], results: readonly Result[]): string {
  const speed = ({ messagesPerSecond }: Result) => messagesPerSecond;
  return tableOf(
    ['', 'messages/s', 'Earshot’s to it', 'answer p50 / p99, ms', 'repeated'],
    contenders.map(({ name, title }) => [
      title,
      spread(of(results, name).map(speed)),
      ratio(results, name, speed),
      pooled(of(results, name), ({ answerMs }) => answerMs),
      String(of(results, name).reduce((sum, { repeats }) => sum + repeats, 0)),
    ]),
  );
}

function costs(contenders: readonly Contender[], results: readonly Result[]): string {
  const perThousand = (result: Result, value: number) => (value / result.messages) * 1000;
  const cpu = (result: Result) =>
    perThousand(
      result,
      PARTS.reduce((sum, part) => sum + result.cpuSeconds[part], 0),
    );
  return tableOf(
    [
      'CPU s per 1,000 messages',
      'all',
      ...PARTS,
      'Earshot’s to it',
      'writing tx/msg',
      'WAL KB/msg',
      'model requests/msg',
    ],
    contenders.map(({ name, title }) => {
      const own = of(results, name);
      return [
        title,
        spread(own.map(cpu)),
        ...PARTS.map((part) => figure(spreadOf(own.map((each) => perThousand(each, each.cpuSeconds[part]))).median)),
        ratio(results, name, cpu),
        figure(spreadOf(own.map(({ writingTransactions, messages }) => writingTransactions / messages)).median),
        figure(spreadOf(own.map(({ walBytes, messages }) => walBytes / 1024 / messages)).median),
        figure(spreadOf(own.map(({ modelRequests, messages }) => modelRequests / messages)).median),
      ];
    }),
  );
}

function idle(contenders: readonly Contender[], all: readonly Idle[]): string {
  return tableOf(
    ['', ...PARTS],
    contenders.map(({ name, title }) => {
      const own = all.filter(({ contender }) => contender === name);
      return [title, ...PARTS.map((part) => spreadOf(own.map(({ cores }) => cores[part])).median.toFixed(3))];
    }),
  );
}

function kills({ contenders, drainSeconds }: BenchOptions, { kills: all }: Outcome): string {
  const head = ['', 'acknowledged before', 'in all', 'lost', 'doubled', 'ready after', 'recovered after that'];
  return tableOf(
    head,
    contenders.map(({ name, title }) => {
      const own = all.filter(({ contender }) => contender === name);
      const sum = (value: (kill: Kill) => number) => String(own.reduce((total, kill) => total + value(kill), 0));
      const recovered = own.flatMap(({ recoveredAfterMs: ms }) => (ms === null ? [] : [ms / 1000]));
      const stuck = own.length - recovered.length;
      return [
        title,
        sum(({ acknowledgedBefore }) => acknowledgedBefore),
        sum(({ acknowledged }) => acknowledged),
        sum(({ lost }) => lost),
        sum(({ doubled, unasked }) => doubled + unasked),
        `${spread(own.map(({ readyAfterMs }) => readyAfterMs / 1000))} s`,
        `${spread(recovered)} s${stuck === 0 ? '' : `, ${stuck} times not in ${drainSeconds} s`}`,
      ];
    }),
  );
}

function of(results: readonly Result[], name: string): Result[] {
  return results.filter(({ contender }) => contender === name);
}

/** Earshot's value by the other's, within each round. */
function ratio(results: readonly Result[], name: string, value: (result: Result) => number): string {
  const byRound = (contender: string) => new Map(of(results, contender).map((each) => [each.round, value(each)]));
  const ratios = name === OURS ? [] : ratiosByRound(byRound(OURS), byRound(name));
  return ratios.length === 0 ? '–' : spread(ratios);
}

function pooled(results: readonly Result[], values: (result: Result) => readonly number[]): string {
  const all = results.flatMap(values);
  return `${figure(percentile(all, 0.5))} / ${figure(percentile(all, 0.99))}`;
}

function spread(values: readonly number[]): string {
  const { median, least, greatest } = spreadOf(values);
  if (values.length < 2) return figure(median);
  return `${figure(median)} (${figure(least)} to ${figure(greatest)})`;
}

/** Three digits, as far as they mean something. */
function figure(value: number): string {
  if (!Number.isFinite(value)) return '–';
  return value >= 100 ? Math.round(value).toString() : value.toPrecision(3);
}

function tableOf(head: string[], rows: string[][]): string {
  const table = new Table({ head, style: { head: [], border: [] } });
  table.push(...rows);
  return table.toString();
}
