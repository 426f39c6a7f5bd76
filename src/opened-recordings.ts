import { LRUCache } from 'lru-cache';
import { unlessAborted } from './unless-aborted.ts';
import { KEY_CACHE_MS } from './raw-store/key-ring.ts';

/** Eleven recordings of six minutes, 16 kHz and 16 bits: those whose pieces are being recognised. */
const MAX_BYTES = 128 * 2 ** 20;

/** A read that takes longer is tried again by the activity that waits for it. */
const OPEN_WITHIN_MS = 60_000;

/**
 * Recordings as opened, for all pieces of them that this process recognises at the time: each is read and decrypted once,
 * and held once, while its pieces come. None stays for longer than a data key does.
 */
export class OpenedRecordings {
  readonly #opened = new LRUCache<string, Buffer, (signal: AbortSignal) => Promise<Buffer>>({
    maxSize: MAX_BYTES,
    maxEntrySize: MAX_BYTES,
    sizeCalculation: ({ length }) => Math.max(length, 1),
    ttl: KEY_CACHE_MS,
    ttlAutopurge: true,
    fetchMethod: (_key, _stale, { context: open }) => open(AbortSignal.timeout(OPEN_WITHIN_MS)),
  });

  /**
   * @param open asked once for all who want the object meanwhile; whoever gives up leaves it to the others.
   * @throws what `open` throws, and the signal's reason.
   */
  async get(key: string, open: (signal: AbortSignal) => Promise<Buffer>, signal: AbortSignal): Promise<Buffer> {
    signal.throwIfAborted();
    return unlessAborted(this.#opened.forceFetch(key, { context: open }), signal);
  }
}
