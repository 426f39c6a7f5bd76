import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { readArguments } from '../../../bench/peers/arguments.ts';
import { audit, isClean } from '../../../bench/peers/audit.ts';
import { parseStat, readProcesses, secondsOf } from '../../../bench/peers/cpu.ts';
import { chatMessages } from '../../../bench/peers/messages.ts';
import { reportTables } from '../../../bench/peers/report.ts';
import { alternating, ratiosByRound, spreadOf } from '../../../bench/peers/statistics.ts';

describe('what is published of a comparison', () => {
  it('takes the middle of the rounds, with the least and the greatest', () => {
    expect(spreadOf([9, 1, 5])).toEqual({ median: 5, least: 1, greatest: 9 });
    expect(spreadOf([4, 1, 2, 10])).toEqual({ median: 3, least: 1, greatest: 10 });
  });

  it('compares two contenders within each round, and leaves out a round that one of them lacks', () => {
    const ours = new Map([[1, 10], [2, 40], [3, 9]]); // prettier-ignore
    const theirs = new Map([[1, 5], [2, 10]]); // prettier-ignore
    expect(ratiosByRound(ours, theirs)).toEqual([2, 4]);
  });

  it('tells of each contender the middle round and by how much Earshot differs in the same round', () => {
    const options = readArguments(['--contenders', 'earshot,none', '--scenarios', 'burst-50']);
    const cpuSeconds = { application: 1, temporal: 0, postgres: 1 };
    const result = (contender: string, round: number, messagesPerSecond: number) => ({
      ...{ contender, round, messagesPerSecond, scenario: 'burst-50', answerMs: [1], reachableMs: [], repeats: 0 },
      ...{ cpuSeconds, writingTransactions: 2_000, walBytes: 1_024_000, modelRequests: 500, messages: 1_000 },
    });
    const speeds = { earshot: [100, 50, 90], none: [200, 200, 100] };
    const results = Object.entries(speeds).flatMap(([name, each]) => each.map((speed, i) => result(name, i, speed)));
    const [speed, cost] = reportTables(options, { results, idle: [], kills: [], failures: [] });
    expect(speed!.rows.map((row) => row.slice(0, 3))).toEqual([
      ['Earshot', '90.0 (50.0–100)', '–'],
      ['no engine', '200 (100–200)', '0.500 (0.250–0.900)'],
    ]);
    expect(cost!.rows[0]!.slice(1)).toEqual(['2.00 (2.00–2.00)', '1.00', '0', '1.00', '–', '2.00', '1.00', '0.500']);
  });

  it('turns the order round after each round', () => {
    expect(alternating(['a', 'b', 'c'], 3).map((order) => order.join(''))).toEqual(['abc', 'cba', 'abc']);
  });

  it('sends all contenders of a round the same texts, none of them twice', () => {
    const texts = chatMessages('round-1', 1_000, 50).map(({ text }) => text);
    expect(new Set(texts).size).toBe(1_000);
    expect(chatMessages('round-1', 1_000, 50).map(({ text }) => text)).toEqual(texts);
  });

  it('says which contenders there are when one is not known', () => {
    expect(() => readArguments(['--contenders', 'earshot,dbas'])).toThrow(/dbas is unknown; known are earshot, dbos/);
  });
});

describe('processor time of a contender', () => {
  it('is read whatever a process calls itself', () => {
    const line = '42 (node (a) 7) S 7 42 42 0 -1 4194560 1 2 3 4 150 50 30 20 20 0 11 0 1 2 3';
    expect(parseStat(line)).toEqual({ pid: 42, parent: 7, own: 200, children: 50 });
  });

  it('includes all descendants, those that ended too, and nobody else', () => {
    const processes = [
      { pid: 1, parent: 0, own: 1_000, children: 0 },
      { pid: 10, parent: 1, own: 100, children: 40 },
      { pid: 11, parent: 10, own: 20, children: 0 },
      { pid: 12, parent: 11, own: 3, children: 0 },
    ];
    expect(secondsOf([10], processes)).toBe(1.63);
  });

  it('keeps what a child took after it has ended', async () => {
    const before = secondsOf([process.pid], await readProcesses());
    const burn = 'for (let t = process.cpuUsage(); t.user + t.system < 300_000; t = process.cpuUsage());';
    await once(spawn(process.execPath, ['-e', burn]), 'close');
    expect(secondsOf([process.pid], await readProcesses()) - before).toBeGreaterThanOrEqual(0.29);
  });
});

describe('the audit of a round', () => {
  const whole = { chunks: ['a', 'b'], vectors: ['b', 'a'], edges: ['a', 'b'] };

  it('passes when each promised message is there once', () => {
    expect(isClean(audit(['a', 'b'], whole))).toBe(true);
  });

  it('finds a message of which any of the three rows is missing', () => {
    for (const kind of ['chunks', 'vectors', 'edges'] as const) {
      expect(audit(['a', 'b'], { ...whole, [kind]: ['a'] }).lost).toEqual(['b']);
    }
  });

  it('finds a message of which any row is there twice', () => {
    for (const kind of ['chunks', 'vectors', 'edges'] as const) {
      expect(audit(['a', 'b'], { ...whole, [kind]: ['a', 'b', 'a'] }).doubled).toEqual(['a']);
    }
  });

  it('finds a message that came in under another name', () => {
    expect(audit(['a'], whole).unasked).toEqual(['b']);
  });
});
