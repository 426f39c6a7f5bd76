import { listIndexVersions, type IndexVersionRow } from './db/index-versions.ts';
import type { Database } from './db/pools.ts';
import { EarshotError } from './domain/errors.ts';
import { keepFresh, type KeptFresh } from './keep-fresh.ts';

/** How old the list may be: what depends on a switch being known everywhere waits for twice as long. */
export const INDEX_VERSIONS_REFRESH_MS = 1_000;

/** The index versions that exist, from memory, refreshed in the background; the last known ones outlive an outage. */
export interface IndexVersions {
  /** The one that answers queries. @throws EarshotError `misconfigured` when there is none. */
  live(): IndexVersionRow;
  /** The others that new vectors are written to: the one being built, or the one to go back to. */
  besides(): readonly IndexVersionRow[];
  refresh(): Promise<void>;
}

export class IndexVersionReader implements IndexVersions {
  readonly #database: Database;
  #rows: readonly IndexVersionRow[] = [];
  #kept: KeptFresh | undefined;

  private constructor(database: Database) {
    this.#database = database;
  }

  static async open(database: Database): Promise<IndexVersionReader> {
    const reader = new IndexVersionReader(database);
    reader.#kept = await keepFresh(() => reader.#read(), INDEX_VERSIONS_REFRESH_MS);
    return reader;
  }

  live(): IndexVersionRow {
    const live = this.#rows.find(({ state }) => state === 'live');
    if (live === undefined) throw new EarshotError('misconfigured', 'there is no live index version');
    return live;
  }

  besides(): readonly IndexVersionRow[] {
    return this.#rows.filter(({ state }) => state === 'building' || state === 'retired');
  }

  async refresh(): Promise<void> {
    await this.#kept?.refresh();
  }

  async #read(): Promise<void> {
    this.#rows = await listIndexVersions(this.#database.deployment);
  }

  close(): void {
    this.#kept?.close();
  }
}
