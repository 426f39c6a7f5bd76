/** A value at a moment, in seconds. */
export interface Point {
  readonly at: number;
  readonly value: number;
}

/** Slopes are medians over all pairs: so many points make few enough pairs, and more say little more. */
const MAX_POINTS = 60;

/** Fewer points than these show no slope of their own. */
const LEAST_POINTS = 4;

/**
 * How fast a value changes, per second: the Theil-Sen estimator (Theil 1950; P. K. Sen, JASA 63, 1968), the median of the
 * slopes of all pairs, which up to 29 % of wild values do not move. It is looked at over the whole window, its second half
 * and its last quarter, and the smallest counts, or 0 where they disagree in sign. A burst is a step: as long as it is
 * younger than 29 % of the window the whole window does not see it, and once it is older than the last quarter that is
 * all working off.
 */
export function growthOf(points: readonly Point[]): number {
  const slopes = [1, 2, 4].map((part) =>
    slopeOf(points.slice(-Math.max(LEAST_POINTS, Math.ceil(points.length / part)))),
  );
  if (slopes.every((slope) => slope > 0)) return Math.min(...slopes);
  return slopes.every((slope) => slope < 0) ? Math.max(...slopes) : 0;
}

/** The value of a Theil-Sen line at its end; never below 0. */
export function valueNow(points: readonly Point[]): number {
  const slope = slopeOf(points);
  const end = points.at(-1)?.at ?? 0;
  return Math.max(0, medianOf(points.map(({ at, value }) => ({ at, value: value + slope * (end - at) }))));
}

export function medianOf(points: readonly Point[]): number {
  return median(points.map(({ value }) => value));
}

/**
 * Whether a rise is more than chance: the Mann-Kendall test (H. B. Mann, Econometrica 13, 1945) with its correction for
 * ties, one-sided.
 *
 * @param z of the standard normal distribution: 1.645 is wrong once in 20 times where values come by chance.
 */
export function risesSurely(points: readonly Point[], z: number): boolean {
  const { length, values } = thinned(points);
  let s = 0;
  for (let late = 1; late < length; late++) {
    for (let early = 0; early < late; early++) s += Math.sign(values[late]!.value - values[early]!.value);
  }
  const variance = (count: number) => (count * (count - 1) * (2 * count + 5)) / 18;
  const ties = Map.groupBy(values, ({ value }) => value);
  const spread = Math.sqrt(variance(length) - [...ties.values()].reduce((sum, tied) => sum + variance(tied.length), 0));
  return s > 0 && (s - 1) / spread >= z;
}

function slopeOf(points: readonly Point[]): number {
  const { length, values } = thinned(points);
  const slopes: number[] = [];
  for (let late = 1; late < length; late++) {
    for (let early = 0; early < late; early++) {
      const seconds = values[late]!.at - values[early]!.at;
      if (seconds > 0) slopes.push((values[late]!.value - values[early]!.value) / seconds);
    }
  }
  return median(slopes);
}

/** Every so many-th point, the last among them. */
function thinned(points: readonly Point[]): { values: readonly Point[]; length: number } {
  const every = Math.ceil(points.length / MAX_POINTS);
  const values = points.filter((_point, index) => (points.length - 1 - index) % every === 0);
  return { values, length: values.length };
}

function median(values: readonly number[]): number {
  if (values.length === 0) return 0;
  const sorted = values.toSorted((one, other) => one - other);
  const middle = sorted.length / 2;
  return (sorted[Math.floor(middle)]! + sorted[Math.ceil(middle) - 1]!) / 2;
}
