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
