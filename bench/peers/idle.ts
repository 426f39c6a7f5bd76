import { setTimeout as delay } from 'node:timers/promises';
import { byPart, cpuOfParts, type ByPart } from './cpu-of-parts.ts';
import type { RunningContender } from './running.ts';

/** Until what the warm-up left behind is done. */
const SETTLE_MS = 2_000;

/** Processor time is told in hundredths of a second. */
const MEASURED_MS = 3_000;

/** Cores that each part of a contender keeps busy while nobody wants anything of it. */
export async function idleCores(running: RunningContender): Promise<ByPart> {
  await delay(SETTLE_MS);
  const started = performance.now();
  const before = await cpuOfParts(running);
  await delay(MEASURED_MS);
  const after = await cpuOfParts(running);
  const seconds = (performance.now() - started) / 1000;
  return byPart((part) => (after[part] - before[part]) / seconds);
}
