import { readProcesses, secondsOf } from './cpu.ts';
import { PARTS, type Part, type RunningContender } from './running.ts';

/** A figure for each part of a contender. */
export type ByPart = Readonly<Record<Part, number>>;

/** Processor seconds that each part of a contender has taken so far. */
export async function cpuOfParts(running: RunningContender): Promise<ByPart> {
  const processes = await readProcesses();
  const roots = running.roots();
  return byPart((part) => secondsOf(roots[part], processes));
}

export function byPart(value: (part: Part) => number): ByPart {
  return Object.fromEntries(PARTS.map((part) => [part, value(part)])) as Record<Part, number>;
}
