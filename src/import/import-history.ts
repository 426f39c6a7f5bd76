import { readdir, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { ApiDependencies } from '../api/dependencies.ts';
import { EarshotError, invalidField } from '../domain/errors.ts';
import { importLine } from './import-line.ts';
import { linesOf } from './lines.ts';
import type { Pace } from './pace.ts';

/** A line that was not accepted, and why: fields and codes, never what it says. */
export interface RefusedLine {
  readonly file: string;
  /** From 1; 0 for a file of lines that cannot be read, or not to its end. */
  readonly line: number;
  readonly code: string;
  readonly message: string;
}

/** Who runs an import hears of what does not go in at once. */
export interface ImportListener {
  onRefused(refused: RefusedLine): void;
  /** A line is sent again after that time; nothing is lost. */
  onToldToWait(code: string, waitMs: number): void;
}

export interface ImportCounts {
  readonly lines: number;
  readonly accepted: number;
  /** Lines that had been accepted before. */
  readonly repeated: number;
  readonly refused: number;
  /** Refused lines, and files that cannot be read, by code. */
  readonly refusedBy: Readonly<Record<string, number>>;
}

/** What an import did, and what ended it early, such as a store that stayed away; undefined when nothing did. */
export interface ImportEnd {
  readonly counts: ImportCounts;
  readonly failure: Error | undefined;
}

/** As long as the body of a request may be. */
const MAX_LINE_BYTES = 1_048_576;

/** Lines under way at a time: their databases and stores are waited for, not the models. */
const PARALLEL = 4;

/** A store that does not answer is asked again this often, a little later each time: about a minute in all. */
const ATTEMPTS = 12;

/** Refusals that name a time. */
const TOLD_TO_WAIT = new Set<string>(['overloaded', 'quota_exceeded']);

/** The files of lines in a folder, in the order of their names, or the one file given. */
export async function linesFiles(path: string): Promise<string[]> {
  if (!(await stat(path)).isDirectory()) return [path];
  const names = (await readdir(path)).filter((name) => /\.(ndjson|jsonl)$/.test(name));
  return names.toSorted().map((name) => join(path, name));
}

/**
 * Imports files of lines, at the given pace. Interrupted and begun again, it goes through all lines and adds what is
 * missing: a line’s ids are those that its channel gave. A line or file at fault is told of and ends nothing; a store
 * that stays away ends the import, and what was accepted by then stays.
 *
 * @param tenant whose history it is; the lines cannot say otherwise.
 */
export async function importHistory(
  deps: ApiDependencies,
  tenant: string,
  files: readonly string[],
  pace: Pick<Pace, 'turn'>,
  listener: ImportListener,
): Promise<ImportEnd> {
  const run = new ImportRun(deps, tenant, listener);
  const acceptedBefore = await acceptedCount(deps);
  for (const file of files) {
    await importFile(run, file, pace);
    if (run.failure !== undefined) break;
  }
  await run.settled();
  const { lines, refusedLines, refusedBy, failure } = run;
  const accepted = (await acceptedCount(deps)) - acceptedBefore;
  const repeated = Math.max(0, lines - refusedLines - accepted);
  const counts = { lines, accepted, repeated, refused: refusedLines, refusedBy: Object.fromEntries(refusedBy) };
  return { counts, failure };
}

/** Begins the lines of one file. What fails otherwise than a line, such as the database that gives the pace, ends the run. */
async function importFile(run: ImportRun, file: string, pace: Pick<Pace, 'turn'>): Promise<void> {
  const lines = linesOf(file, MAX_LINE_BYTES);
  for (;;) {
    const next = await lines.next().catch(() => undefined);
    if (next === undefined) return run.refuse(file, 0, invalidField('file', 'cannot be read to its end'));
    if (next.done === true) return;
    const { line, text } = next.value;
    if (typeof text === 'string' && text.trim() === '') continue;
    try {
      await pace.turn();
    } catch (error) {
      run.fail(error);
    }
    if (run.failure !== undefined) return void (await lines.return(undefined));
    await run.begin(file, line, text);
  }
}

/** The lines under way of an import, and what came of the others. */
class ImportRun {
  lines = 0;
  refusedLines = 0;
  failure: Error | undefined;
  readonly refusedBy = new Map<string, number>();
  readonly #deps: ApiDependencies;
  readonly #tenant: string;
  readonly #listener: ImportListener;
  readonly #underWay = new Set<Promise<void>>();

  constructor(deps: ApiDependencies, tenant: string, listener: ImportListener) {
    this.#deps = deps;
    this.#tenant = tenant;
    this.#listener = listener;
  }

  /** Begins a line, and waits while too many are under way. Its failure is kept: nobody may be waiting for it then. */
  async begin(file: string, line: number, text: string | EarshotError): Promise<void> {
    const work = this.#line(file, line, text)
      .catch((error: unknown) => this.fail(error))
      .finally(() => this.#underWay.delete(work));
    this.#underWay.add(work);
    if (this.#underWay.size >= PARALLEL) await Promise.race(this.#underWay);
  }

  /** Keeps the first of all. */
  fail(error: unknown): void {
    this.failure ??= error instanceof Error ? error : new Error('a step failed');
  }

  refuse(file: string, line: number, problem: Error): void {
    // An error that is not ours may quote a value.
    const known = problem instanceof EarshotError;
    const code = known ? problem.code : 'unexpected_error';
    this.refusedBy.set(code, (this.refusedBy.get(code) ?? 0) + 1);
    this.#listener.onRefused({ file, line, code, message: known ? problem.message : problem.name });
  }

  async settled(): Promise<void> {
    await Promise.all(this.#underWay);
  }

  async #line(file: string, line: number, text: string | EarshotError): Promise<void> {
    const problem = typeof text === 'string' ? await this.#handOver(dirname(file), text) : text;
    this.lines += 1;
    if (problem === undefined) return;
    this.refusedLines += 1;
    this.refuse(file, line, problem);
  }

  /** Answers why a line is refused; undefined when it is in. */
  async #handOver(folder: string, text: string): Promise<Error | undefined> {
    for (let attempt = 1; ; attempt++) {
      try {
        await importLine(this.#deps, this.#tenant, folder, text);
        return undefined;
      } catch (error) {
        if (!(error instanceof EarshotError)) return error instanceof Error ? error : new Error('unknown');
        if (!error.retryable) return error;
        if (attempt >= ATTEMPTS) throw error;
        const waitMs = error.retryAfterMs ?? Math.min(250 * 2 ** attempt, 8_000);
        // Who is told to come back comes back, however often: no store stays away.
        if (TOLD_TO_WAIT.has(error.code)) {
          attempt -= 1;
          this.#listener.onToldToWait(error.code, waitMs);
        }
        await delay(waitMs);
      }
    }
  }
}

/** New records that this process has accepted. */
async function acceptedCount({ metrics }: ApiDependencies): Promise<number> {
  const { values } = await metrics.accepted.get();
  return values.reduce((sum, { value }) => sum + value, 0);
}
