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
