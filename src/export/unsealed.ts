import { setTimeout } from 'node:timers/promises';
import { EarshotError, type ErrorCode } from '../domain/errors.ts';
import type { KeyRing } from '../raw-store/key-ring.ts';
import type { RawStore } from '../raw-store/raw-store.ts';
import type { Customer } from '../db/customer-export.ts';

/** One thing that will not be read by trying again. Other errors are those of a whole store. */
const UNREADABLE: ReadonlySet<ErrorCode> = new Set([
  'raw_object_missing',
  'raw_object_corrupt',
  'data_key_destroyed',
  'payload_unreadable',
  'erased',
]);

/**
 * What `read` answers; undefined when it is missing, corrupt, erased, or sealed under a destroyed key, which `report` is
 * told.
 *
 * @throws what else `read` throws: an archive without what is there would pass for whole.
 */
export async function unlessUnreadable<T>(
  read: () => Promise<T>,
  report: (code: ErrorCode) => void,
): Promise<T | undefined> {
  try {
    return await read();
  } catch (error) {
    if (!(error instanceof EarshotError) || !UNREADABLE.has(error.code)) throw error;
    report(error.code);
    return undefined;
  }
}

/** Archives of gigabytes should not end over one answer that failed. */
const ATTEMPTS = 3;
const PAUSE_MS = 500;

/** The bytes of a sealed object as they were before sealing; asks a store that fails again. */
export async function unsealedObject(
  { keyRing, rawStore }: { readonly keyRing: KeyRing; readonly rawStore: RawStore },
  { tenant, customerKey }: Customer,
  key: string,
  signal: AbortSignal,
): Promise<Buffer> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await keyRing.open(tenant, customerKey, await rawStore.get(key, signal), key);
    } catch (error) {
      if (!(error instanceof EarshotError) || !error.retryable || attempt === ATTEMPTS) throw error;
      await setTimeout(PAUSE_MS * attempt, undefined, { signal });
    }
  }
}
