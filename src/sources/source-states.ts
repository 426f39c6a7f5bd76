import { listSources, type SourceRow } from '../db/model-sources.ts';
import type { Database } from '../db/pools.ts';
import { MODEL_SOURCES, type ModelSource, type SourceState } from '../domain/model-source.ts';
import { unlessAborted } from '../unless-aborted.ts';
import { keepFresh, type KeptFresh } from '../keep-fresh.ts';

/** How old what a process knows of its sources may be: a pause is in force everywhere after this. */
const REFRESH_MS = 1_000;

/** A source as this process knows it. */
export interface KnownSource extends SourceState {
  /** Of the process's own clock (performance.now). */
  readonly closedUntil: number;
}

/** Reads how sources stand from memory, refreshed in the background; what was known last outlives an outage. */
export class SourceStates {
  readonly #database: Database;
  readonly #known = new Map<ModelSource, KnownSource>(
    MODEL_SOURCES.map((source) => [source, { source, state: 'running', cause: null, failures: 0, closedUntil: 0 }]),
  );
  #kept: KeptFresh | undefined;
  #refreshed = Promise.withResolvers<void>();

  private constructor(database: Database) {
    this.#database = database;
  }

  static async open(database: Database): Promise<SourceStates> {
    const states = new SourceStates(database);
    states.#kept = await keepFresh(() => states.#read(), REFRESH_MS);
    return states;
  }

  get(source: ModelSource): KnownSource {
    return this.#known.get(source)!;
  }

  async refresh(): Promise<void> {
    await this.#kept?.refresh();
  }

  async #read(): Promise<void> {
    for (const row of await listSources(this.#database.deployment)) this.#known.set(row.source, knownOf(row));
    this.#refreshed.resolve();
    this.#refreshed = Promise.withResolvers();
  }

  /** Ends when more may be known than now. */
  async nextRefresh(signal: AbortSignal): Promise<void> {
    await unlessAborted(this.#refreshed.promise, signal);
  }

  /** What this process has just learnt itself, ahead of the next refresh. */
  know(source: ModelSource, learnt: Partial<Pick<KnownSource, 'failures' | 'closedUntil'>>): void {
    this.#known.set(source, { ...this.get(source), ...learnt });
  }

  close(): void {
    this.#kept?.close();
  }
}

function knownOf({ source, state, cause, failures, closed_ms: closedMs }: SourceRow): KnownSource {
  return { source, state, cause, failures, closedUntil: performance.now() + closedMs };
}
