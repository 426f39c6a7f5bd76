import { listDials } from './db/dials.ts';
import type { Database } from './db/pools.ts';
import { dialValues, type DialName, type DialValues } from './domain/dials.ts';
import { keepFresh, type KeptFresh } from './keep-fresh.ts';

/** How old a dial's value may be: a change is in force everywhere after this. */
const REFRESH_MS = 2_000;

/** Reads dials from memory, refreshed from the database in the background; the last known values outlive an outage. */
export class DialReader {
  readonly #database: Database;
  #values: DialValues = dialValues([]);
  #kept: KeptFresh | undefined;

  private constructor(database: Database) {
    this.#database = database;
  }

  static async open(database: Database): Promise<DialReader> {
    const reader = new DialReader(database);
    reader.#kept = await keepFresh(() => reader.#read(), REFRESH_MS);
    return reader;
  }

  get(name: DialName): number {
    return this.#values[name];
  }

  async refresh(): Promise<void> {
    await this.#kept?.refresh();
  }

  async #read(): Promise<void> {
    this.#values = dialValues(await listDials(this.#database.deployment));
  }

  close(): void {
    this.#kept?.close();
  }
}
