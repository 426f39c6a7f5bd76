import type { Database } from '../db/pools.ts';
import type { DialReader } from '../dial-reader.ts';
import type { Lineage } from '../lineage/emitter.ts';
import type { KeyRing } from '../raw-store/key-ring.ts';
import type { RawStore } from '../raw-store/raw-store.ts';

/** What making and showing media needs: workers and the API both have it. */
export interface MediaDependencies {
  readonly database: Database;
  readonly keyRing: KeyRing;
  readonly rawStore: RawStore;
  readonly dials: DialReader;
  readonly codeVersion: string;
  readonly lineage: Lineage;
}

/** The bytes of a sealed object of a customer, as they were before sealing. */
export async function openObject(
  { keyRing, rawStore }: Pick<MediaDependencies, 'keyRing' | 'rawStore'>,
  tenant: string,
  customerKey: string,
  key: string,
  signal: AbortSignal,
): Promise<Buffer> {
  return keyRing.open(tenant, customerKey, await rawStore.get(key, signal), key);
}
