import { readdirSync, readFileSync } from 'node:fs';

/** Linux counts CPU time in hundredths of a second, whatever the kernel's own tick (proc(5), sysconf _SC_CLK_TCK). */
const TICKS_PER_SECOND = 100;
const PAGE_BYTES = 4_096;

export interface ProcessUse {
  /** Of the process alone: those of Postgres share most of their memory. */
  readonly rssBytes: number;
  /** Of the process and all that it started, ended ones included, but for those that are followed themselves. */
  readonly cpuSeconds: number;
}

interface Stat {
  readonly parent: number;
  readonly cpuSeconds: number;
  readonly rssBytes: number;
}

/**
 * What processes take of the machine, as /proc tells it; nothing where there is no /proc. Its files are in memory: read
 * without waiting they cost a fifth of the time.
 */
export function usesOf(roots: Readonly<Record<string, number>>): Record<string, ProcessUse> {
  const stats = new Map(pids().map((pid) => [pid, statOf(pid)]));
  const followed = new Set(Object.values(roots));
  const owned = Map.groupBy([...stats.keys()], (pid) => ownerOf(pid, followed, stats));
  const uses: Record<string, ProcessUse> = {};
  for (const [name, pid] of Object.entries(roots)) {
    const root = stats.get(pid);
    if (root === undefined) continue;
    const cpuSeconds = owned.get(pid)!.reduce((sum, each) => sum + (stats.get(each)?.cpuSeconds ?? 0), 0);
    uses[name] = { rssBytes: root.rssBytes, cpuSeconds };
  }
  return uses;
}

/** The nearest of the followed processes above a process, or itself. */
function ownerOf(
  pid: number,
  followed: ReadonlySet<number>,
  stats: ReadonlyMap<number, Stat | undefined>,
): number | undefined {
  for (let at: number | undefined = pid; at !== undefined && at > 1; at = stats.get(at)?.parent) {
    if (followed.has(at)) return at;
  }
  return undefined;
}

function pids(): number[] {
  try {
    return readdirSync('/proc')
      .map(Number)
      .filter((pid) => pid > 0);
  } catch {
    return [];
  }
}

/** Fields 4, 14 to 17 and 24 of proc_pid_stat(5); the name in brackets before them may hold anything. */
function statOf(pid: number): Stat | undefined {
  let text: string;
  try {
    text = readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch {
    // It has ended since it was listed.
    return undefined;
  }
  const fields = text
    .slice(text.lastIndexOf(')') + 2)
    .split(' ')
    .map(Number);
  const ticks = fields.slice(11, 15).reduce((sum, value) => sum + value, 0);
  return { parent: fields[1]!, cpuSeconds: ticks / TICKS_PER_SECOND, rssBytes: fields[21]! * PAGE_BYTES };
}
