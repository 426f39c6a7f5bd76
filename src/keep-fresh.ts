import { coalesced } from './coalesced.ts';

/** What is read from the database now and then. */
export interface KeptFresh {
  /** Reads again, once for all who ask meanwhile. What is known when it ends is no older than the call. */
  refresh(): Promise<void>;
  close(): void;
}

/**
 * Reads at once, failing as that fails, and then every so often in the background, where what was known last outlives an
 * outage. One read follows the other: an older answer that comes late never replaces a newer one.
 */
export async function keepFresh(read: () => Promise<void>, everyMs: number): Promise<KeptFresh> {
  const refresh = coalesced(read);
  await refresh();
  const timer = setInterval(() => void refresh().catch(() => undefined), everyMs);
  timer.unref();
  return { refresh, close: () => clearInterval(timer) };
}
