/**
 * Walks by keyset: reads a page after the last item of the one before it, until a page is empty. What is in a page may
 * be deleted while it is held; what is added meanwhile comes if it sorts after the page that is being read.
 *
 * @param positionOf where an item stands in the order of the walk.
 */
export async function* pages<Item, Position>(
  first: Position,
  positionOf: (item: Item) => Position,
  read: (after: Position) => Promise<readonly Item[]>,
): AsyncGenerator<readonly Item[]> {
  let after = first;
  for (;;) {
    const page = await read(after);
    const last = page.at(-1);
    if (last === undefined) return;
    yield page;
    after = positionOf(last);
  }
}
