import { LRUCache } from 'lru-cache';
import { EarshotError } from '../domain/errors.ts';
import { createDataKey, open, seal, sealedGeneration, unwrapDataKey, type DataKey, type KeyOwner } from './envelope.ts';

/** Where wrapped keys are kept. */
export interface KeyTable {
  /** Makes the customer's row if needed; answers the generation for new data. */
  currentGeneration(tenant: string, customerKey: string): Promise<number>;
  find(owner: KeyOwner): Promise<Buffer | undefined>;
  /** Keeps the first key given for an owner and answers it. */
  keep(owner: KeyOwner, wrapped: Buffer): Promise<Buffer>;
}

/**
 * How long a data key may be used from memory. A destroyed key dies with its row, and everywhere at the latest after
 * this; the fence refuses data under a replaced key at once.
 */
const CACHE_MS = 60_000;
const CACHED_KEYS = 20_000;

/** Seals and opens with the data keys of customers, which it makes, wraps and remembers for a short time. */
export class KeyRing {
  readonly #masterKey: Buffer;
  readonly #table: KeyTable;
  readonly #keys = new LRUCache<string, DataKey>({ max: CACHED_KEYS, ttl: CACHE_MS });
  readonly #current = new LRUCache<string, number>({ max: CACHED_KEYS, ttl: CACHE_MS });

  constructor(masterKey: Buffer, table: KeyTable) {
    this.#masterKey = masterKey;
    this.#table = table;
  }

  /** The key for new data of a customer; made on first use. */
  async current(tenant: string, customerKey: string): Promise<DataKey> {
    const name = `${tenant}/${customerKey}`;
    const generation = this.#current.get(name) ?? (await this.#table.currentGeneration(tenant, customerKey));
    this.#current.set(name, generation);
    const owner = { tenant, customerKey, generation };
    return (await this.#load(owner)) ?? this.#make(owner);
  }

  /** Forgets which key is current, after the fence said that it was replaced. */
  forget(tenant: string, customerKey: string): void {
    this.#current.delete(`${tenant}/${customerKey}`);
  }

  /** @throws EarshotError `data_key_destroyed` when the customer was erased. */
  async open(tenant: string, customerKey: string, blob: Uint8Array, context: string): Promise<Buffer> {
    const key = await this.#load({ tenant, customerKey, generation: sealedGeneration(blob) });
    if (key === undefined) throw new EarshotError('data_key_destroyed', 'the data key of this record is destroyed');
    return open(key, blob, context);
  }

  async seal(tenant: string, customerKey: string, plaintext: Uint8Array, context: string): Promise<Buffer> {
    return seal(await this.current(tenant, customerKey), plaintext, context);
  }

  async #load(owner: KeyOwner): Promise<DataKey | undefined> {
    const cached = this.#keys.get(nameOf(owner));
    if (cached !== undefined) return cached;
    const wrapped = await this.#table.find(owner);
    return wrapped === undefined ? undefined : this.#remember(owner, unwrapDataKey(this.#masterKey, wrapped, owner));
  }

  async #make(owner: KeyOwner): Promise<DataKey> {
    const kept = await this.#table.keep(owner, createDataKey(this.#masterKey, owner).wrapped);
    return this.#remember(owner, unwrapDataKey(this.#masterKey, kept, owner));
  }

  #remember(owner: KeyOwner, key: DataKey): DataKey {
    this.#keys.set(nameOf(owner), key);
    return key;
  }
}

function nameOf({ tenant, customerKey, generation }: KeyOwner): string {
  return `${tenant}/${customerKey}/${generation}`;
}
