import type { Random } from '../random.ts';

/** Draws places from 0 with a probability in proportion to 1 / (place + 1)^skew (Zipf's law). */
export function zipf(count: number, skew: number, random: Random): () => number {
  const cumulative: number[] = [];
  let sum = 0;
  for (let place = 1; place <= count; place++) cumulative.push((sum += place ** -skew));
  return () => {
    const wanted = random.next() * sum;
    let [low, high] = [0, count - 1];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (cumulative[middle]! < wanted) low = middle + 1;
      else high = middle;
    }
    return low;
  };
}
