/** What is read from the database now and then. */
export interface KeptFresh {
  close(): void;
}

/**
 * Refreshes at once, failing as that fails, and then every so often in the background, where what was known last
 * outlives an outage.
 */
export async function keepFresh(refresh: () => Promise<void>, everyMs: number): Promise<KeptFresh> {
  await refresh();
  const timer = setInterval(() => void refresh().catch(() => undefined), everyMs);
  timer.unref();
  return { close: () => clearInterval(timer) };
}
