/** Longer than a scrape takes, and shorter than the time between two. */
const SHARED_FOR_MS = 500;

/** The same read for all gauges of one scrape. */
export function shared<T>(read: () => Promise<T>): () => Promise<T> {
  let [last, readAt]: [Promise<T> | undefined, number] = [undefined, -Infinity];
  return () => {
    if (last === undefined || performance.now() - readAt > SHARED_FOR_MS) {
      [last, readAt] = [read(), performance.now()];
    }
    return last;
  };
}
