/** Does an action for each item, so many at a time; ends with the first failure. */
export async function eachOf<T>(
  items: readonly T[],
  parallel: number,
  action: (item: T) => Promise<unknown>,
): Promise<void> {
  const next = items[Symbol.iterator]();
  const worker = async () => {
    for (const item of next) await action(item);
  };
  await Promise.all(Array.from({ length: Math.min(parallel, items.length) }, worker));
}

/**
 * Shares a costly action between callers: one that is called while it runs waits for the next run, which begins after
 * the call and serves all that waited.
 */
export function coalesced<T>(action: () => Promise<T>): () => Promise<T> {
  let running: Promise<unknown> = Promise.resolve();
  let next: Promise<T> | undefined;
  return () => {
    if (next !== undefined) return next;
    const begin = async () => {
      next = undefined;
      return action();
    };
    const queued = running.then(begin, begin);
    next = queued;
    running = queued;
    return queued;
  };
}
