/** Whether the one comes before the other. */
export type Before<T> = (a: T, b: T) => boolean;

/** A binary heap (J. W. J. Williams, "Algorithm 232: Heapsort", 1964): what comes before all others is on top. */
export class Heap<T> {
  readonly #items: T[] = [];
  readonly #before: Before<T>;

  constructor(before: Before<T>, items: Iterable<T> = []) {
    this.#before = before;
    for (const item of items) this.push(item);
  }

  get top(): T | undefined {
    return this.#items[0];
  }

  push(item: T): void {
    const items = this.#items;
    let at = items.length;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!this.#before(item, items[parent]!)) break;
      items[at] = items[parent]!;
      at = parent;
    }
    items[at] = item;
  }

  pop(): T | undefined {
    const items = this.#items;
    const top = items[0];
    const last = items.pop();
    if (last === undefined || items.length === 0) return top;
    let at = 0;
    for (;;) {
      const left = 2 * at + 1;
      const right = left + 1;
      const child = right < items.length && this.#before(items[right]!, items[left]!) ? right : left;
      if (child >= items.length || !this.#before(items[child]!, last)) break;
      items[at] = items[child]!;
      at = child;
    }
    items[at] = last;
    return top;
  }
}
