import { readdir, readFile } from 'node:fs/promises';

/** A line of /proc/PID/stat, as far as it tells of processor time (proc_pid_stat(5)). */
export interface ProcessTimes {
  readonly pid: number;
  readonly parent: number;
  /** In clock ticks, user and system together, its own. */
  readonly own: number;
  /** In clock ticks, of children that ended and were waited for. */
  readonly children: number;
}

/** Ticks of a second in /proc on Linux, whatever the kernel's own clock (USER_HZ). */
const TICKS_PER_SECOND = 100;

/** The name of a process may hold spaces and brackets: what follows begins after the last bracket. */
export function parseStat(line: string): ProcessTimes {
  const fields = line.slice(line.lastIndexOf(')') + 2).split(' ');
  const field = (number: number) => Number(fields[number - 3]);
  return {
    pid: Number(line.slice(0, line.indexOf(' '))),
    parent: field(4),
    own: field(14) + field(15),
    children: field(16) + field(17),
  };
}

/**
 * Processor seconds of processes with all their descendants. What an ended process took is in its parent's account of
 * children, so that the sum never falls, as long as the parents live.
 */
export function secondsOf(roots: readonly number[], processes: readonly ProcessTimes[]): number {
  const byParent = Map.groupBy(processes, ({ parent }) => parent);
  const ticks = (process: ProcessTimes): number =>
    process.own + process.children + (byParent.get(process.pid) ?? []).reduce((sum, child) => sum + ticks(child), 0);
  const started = processes.filter(({ pid }) => roots.includes(pid));
  return started.reduce((sum, process) => sum + ticks(process), 0) / TICKS_PER_SECOND;
}

/** All processes of this machine at one moment. One that ends while it is read is left out. */
export async function readProcesses(): Promise<ProcessTimes[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const lines = await Promise.all(pids.map((pid) => readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined)));
  return lines.flatMap((line) => (line === undefined ? [] : [parseStat(line)]));
}
