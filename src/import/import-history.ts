import { createReadStream } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import type { ApiDependencies } from '../api/dependencies.ts';
import { EarshotError } from '../domain/errors.ts';
import { importLine } from './import-line.ts';
import type { Pace } from './pace.ts';

/** A line that was not accepted, and why: fields and codes, never what it says. */
export interface RefusedLine {
  readonly file: string;
  readonly line: number;
  readonly code: string;
  readonly message: string;
}

export interface ImportCounts {
  readonly lines: number;
  readonly accepted: number;
  /** Lines that had been accepted before. */
  readonly repeated: number;
  readonly refused: number;
}

/** Lines under way at a time: their databases and stores are waited for, not the models. */
const PARALLEL = 4;

/** A store that does not answer is asked again this often, a little later each time: about a minute in all. */
const ATTEMPTS = 12;

/** The files of lines in a folder, in the order of their names, or the one file given. */
export async function linesFiles(path: string): Promise<string[]> {
  if (!(await stat(path)).isDirectory()) return [path];
  const names = (await readdir(path)).filter((name) => /\.(ndjson|jsonl)$/.test(name));
  return names.toSorted().map((name) => join(path, name));
}

/**
 * Imports files of lines, at the given pace. Interrupted and begun again, it goes through all lines and adds what is
 * missing: a line’s ids are those that its channel gave.
 *
 * @throws EarshotError what a store throws that stays away; what was accepted by then stays.
 */
export async function importHistory(
  deps: ApiDependencies,
  files: readonly string[],
  pace: Pace,
  onRefused: (refused: RefusedLine) => void,
): Promise<ImportCounts> {
  let lines = 0;
  let refused = 0;
  const acceptedBefore = await acceptedCount(deps);
  const one = async (file: string, line: number, text: string) => {
    const problem = await handOver(deps, dirname(file), text);
    lines += 1;
    if (problem === undefined) return;
    refused += 1;
    onRefused({ file, line, code: problem.code, message: problem.message });
  };
  const underWay = new Set<Promise<void>>();
  for (const file of files) {
    let line = 0;
    for await (const text of createInterface({ input: createReadStream(file), crlfDelay: Infinity })) {
      line += 1;
      if (text.trim() === '') continue;
      await pace.turn();
      const work = one(file, line, text).finally(() => underWay.delete(work));
      underWay.add(work);
      if (underWay.size >= PARALLEL) await Promise.race(underWay);
    }
  }
  await Promise.all(underWay);
  const accepted = (await acceptedCount(deps)) - acceptedBefore;
  return { lines, accepted, repeated: Math.max(0, lines - refused - accepted), refused };
}

/** Answers why a line is refused; undefined when it is in. */
async function handOver(deps: ApiDependencies, folder: string, text: string): Promise<EarshotError | undefined> {
  for (let attempt = 1; ; attempt++) {
    try {
      await importLine(deps, folder, text);
      return undefined;
    } catch (error) {
      if (!(error instanceof EarshotError)) throw error;
      if (!error.retryable) return error;
      if (attempt === ATTEMPTS) throw error;
      await delay(error.retryAfterMs ?? Math.min(250 * 2 ** attempt, 8_000));
    }
  }
}

/** New records that this process has accepted. */
async function acceptedCount({ metrics }: ApiDependencies): Promise<number> {
  const { values } = await metrics.accepted.get();
  return values.reduce((sum, { value }) => sum + value, 0);
}
