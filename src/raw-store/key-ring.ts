import { LRUCache } from 'lru-cache';
import { EarshotError } from '../domain/errors.ts';
import {
  createDataKey,
  masterDataKey,
  open,
  seal,
  sealedGeneration,
  unwrapDataKey,
  type DataKey,
  type KeyOwner,
} from './envelope.ts';

/** Where wrapped keys are kept. */
export interface KeyTable {
  /** Makes the customer's row if needed; answers the generation for new data. */
  currentGeneration(tenant: string, customerKey: string): Promise<number>;
  find(owner: KeyOwner): Promise<Buffer | undefined>;
  /** The same for who only reads, and must not wait for writers. */
  findForReading(owner: KeyOwner): Promise<Buffer | undefined>;
  /** Keeps the first key given for an owner and answers it; undefined when the generation was replaced. */
  keep(owner: KeyOwner, wrapped: Buffer): Promise<Buffer | undefined>;
}

/**
 * How long a data key may be used from memory. A destroyed key dies with its row, and everywhere at the latest after
 * this; the fence refuses data under a replaced key at once.
 */
export const KEY_CACHE_MS = 60_000;
const CACHED_KEYS = 20_000;

/** Times that a generation may be replaced while a key is being made for it: each time takes an erasure. */
const MAKE_ATTEMPTS = 3;

/** Seals and opens with the data keys of customers, which it makes, wraps and remembers for a short time. */
export class KeyRing {
  readonly #masterKey: Buffer;
  readonly #table: KeyTable;
  readonly #keys = new LRUCache<string, DataKey>({ max: CACHED_KEYS, ttl: KEY_CACHE_MS });
  readonly #current = new LRUCache<string, number>({ max: CACHED_KEYS, ttl: KEY_CACHE_MS });

  constructor(masterKey: Buffer, table: KeyTable) {
    this.#masterKey = masterKey;
    this.#table = table;
  }

  /** The key for new data of a customer; made on first use. */
  async current(tenant: string, customerKey: string): Promise<DataKey> {
    const name = `${tenant}/${customerKey}`;
    for (let attempt = 1; attempt <= MAKE_ATTEMPTS; attempt++) {
      const known = this.#current.get(name);
      const generation = known ?? (await this.#table.currentGeneration(tenant, customerKey));
      if (known === undefined) this.#current.set(name, generation);
      const owner = { tenant, customerKey, generation };
      const key = (await this.#load(owner)) ?? (await this.#make(owner));
      if (key !== undefined) return key;
      this.#current.delete(name);
    }
    throw new EarshotError('overloaded', 'the data key of this customer is being replaced');
  }

  /** Forgets which key is current, after the fence said that it was replaced. */
  forget(tenant: string, customerKey: string): void {
    this.#current.delete(`${tenant}/${customerKey}`);
  }

  /** @throws EarshotError `data_key_destroyed` when the customer was erased. */
  async open(tenant: string, customerKey: string, blob: Uint8Array, context: string): Promise<Buffer> {
    const owner = { tenant, customerKey, generation: sealedGeneration(blob) };
    const key = await this.#load(owner, (wanted) => this.#table.findForReading(wanted));
    if (key === undefined) throw new EarshotError('data_key_destroyed', 'the data key of this record is destroyed');
    return open(key, blob, context);
  }

  async seal(tenant: string, customerKey: string, plaintext: Uint8Array, context: string): Promise<Buffer> {
    return seal(await this.current(tenant, customerKey), plaintext, context);
  }

  /**
   * Seals what was made of an older record under that record's own key, which an erasure destroys with it.
   *
   * @throws EarshotError `data_key_destroyed`
   */
  async sealUnder(owner: KeyOwner, plaintext: Uint8Array, context: string): Promise<Buffer> {
    const key = await this.#load(owner);
    if (key === undefined) throw new EarshotError('data_key_destroyed', 'the data key of this record is destroyed');
    return seal(key, plaintext, context);
  }

  /** Seals what belongs to no customer and outlives them all, such as the reason of an erasure. */
  sealForOperators(plaintext: Uint8Array, context: string): Buffer {
    return seal(masterDataKey(this.#masterKey), plaintext, context);
  }

  openForOperators(blob: Uint8Array, context: string): Buffer {
    return open(masterDataKey(this.#masterKey), blob, context);
  }

  /** Drops a customer's destroyed keys from this process's memory; in others they are gone after `KEY_CACHE_MS`. */
  forgetKeys(tenant: string, customerKey: string, upToGeneration: number): void {
    this.forget(tenant, customerKey);
    for (let generation = 1; generation <= upToGeneration; generation++) {
      this.#keys.delete(nameOf({ tenant, customerKey, generation }));
    }
  }

  async #load(
    owner: KeyOwner,
    find: KeyTable['find'] = (wanted) => this.#table.find(wanted),
  ): Promise<DataKey | undefined> {
    const cached = this.#keys.get(nameOf(owner));
    if (cached !== undefined) return cached;
    const wrapped = await find(owner);
    return wrapped === undefined ? undefined : this.#remember(owner, unwrapDataKey(this.#masterKey, wrapped, owner));
  }

  async #make(owner: KeyOwner): Promise<DataKey | undefined> {
    const kept = await this.#table.keep(owner, createDataKey(this.#masterKey, owner).wrapped);
    return kept === undefined ? undefined : this.#remember(owner, unwrapDataKey(this.#masterKey, kept, owner));
  }

  #remember(owner: KeyOwner, key: DataKey): DataKey {
    this.#keys.set(nameOf(owner), key);
    return key;
  }
}

function nameOf({ tenant, customerKey, generation }: KeyOwner): string {
  return `${tenant}/${customerKey}/${generation}`;
}
