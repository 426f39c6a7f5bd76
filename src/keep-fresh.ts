/** What is read from the database now and then. */
export interface KeptFresh {
  /** Reads again. What is known when it ends is no older than its beginning. */
  refresh(): Promise<void>;
  close(): void;
}

/**
 * Reads at once, failing as that fails, and then every so often in the background, where what was known last outlives an
 * outage. One read follows the other: an older answer that comes late never replaces a newer one.
 */
export async function keepFresh(read: () => Promise<void>, everyMs: number): Promise<KeptFresh> {
  let last = Promise.resolve();
  let waiting = 0;
  const refresh = () => {
    waiting += 1;
    last = last
      .catch(() => undefined)
      .then(read)
      .finally(() => (waiting -= 1));
    return last;
  };
  await refresh();
  const timer = setInterval(() => {
    if (waiting === 0) refresh().catch(() => undefined);
  }, everyMs);
  timer.unref();
  return { refresh, close: () => clearInterval(timer) };
}
