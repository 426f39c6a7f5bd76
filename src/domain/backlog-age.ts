import type { BacklogPoint } from './forecast.ts';

/**
 * For how long each backlog has been building up, in milliseconds: within which time before its moment as many records
 * arrived as wait. It is Little's law backwards, L = λW with the arrivals that really came. Where nothing queues it is
 * what a record takes, however fast arrivals grow or whatever has not been completed yet; where records queue it is about
 * the age of those that are next. One that is held up alone does not move it. Null where arrivals are not known for long
 * enough.
 *
 * @param points oldest first, as far back as they are known.
 */
export function agesOf(points: readonly BacklogPoint[]): readonly (number | null)[] {
  return points.map((_point, index) => ageAt(points, index));
}

function ageAt(points: readonly BacklogPoint[], last: number): number | null {
  let left = points[last]!.waiting;
  let ageMs = 0;
  for (let index = last; left > 0; index--) {
    const { arrived, sinceMs } = points[index] ?? { arrived: null, sinceMs: null };
    if (arrived === null || sinceMs === null) return null;
    ageMs += arrived > left ? (sinceMs * left) / arrived : sinceMs;
    left -= arrived;
  }
  return ageMs;
}
