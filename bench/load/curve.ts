import { DAY_MS, type Profile } from './profile.ts';

const MINUTES = 24 * 60;
const MINUTE_MS = DAY_MS / MINUTES;

/** How the arrivals of a day spread over its minutes, as a cumulative share from 0 to 1. */
export type Curve = readonly number[];

/** The surge rises to its peak at a third of its time, to 1.6 of its mean, and falls to 0.4 at its end. */
const SURGE_FLOOR = 0.4;
const SURGE_PEAK_AT = 1 / 3;

export function curveOf({ hours, surge }: Profile): Curve {
  const outside = Array.from({ length: MINUTES }, (_, minute) =>
    isSurge(minute) ? 0 : hours[Math.floor(minute / 60)]!,
  );
  const inside = Array.from({ length: MINUTES }, (_, minute) => (isSurge(minute) ? surgeShape(minute) : 0));
  const outsideSum = sum(outside);
  const insideSum = sum(inside);
  let share = 0;
  const curve = [0];
  for (let minute = 0; minute < MINUTES; minute++) {
    share += (outside[minute]! / outsideSum) * (1 - surge.share) + (inside[minute]! / insideSum) * surge.share;
    curve.push(share);
  }
  return curve;

  function isSurge(minute: number): boolean {
    return minute * MINUTE_MS >= surge.fromMs && minute * MINUTE_MS < surge.toMs;
  }

  function surgeShape(minute: number): number {
    const at = ((minute + 0.5) * MINUTE_MS - surge.fromMs) / (surge.toMs - surge.fromMs);
    const height = at < SURGE_PEAK_AT ? at / SURGE_PEAK_AT : (1 - at) / (1 - SURGE_PEAK_AT);
    return SURGE_FLOOR + 2 * (1 - SURGE_FLOOR) * height;
  }
}

/** Share of the day's arrivals before a time of the day. */
export function shareBefore(curve: Curve, dayMs: number): number {
  const minute = Math.min(Math.max(dayMs / MINUTE_MS, 0), MINUTES);
  const low = Math.floor(minute);
  const from = curve[low]!;
  return from + ((curve[low + 1] ?? from) - from) * (minute - low);
}

/** The time of the day before which a share of its arrivals lies: the inverse of `shareBefore`. */
export function timeAtShare(curve: Curve, share: number): number {
  let low = 0;
  let high = MINUTES;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (curve[middle]! <= share) low = middle;
    else high = middle;
  }
  const [from, to] = [curve[low]!, curve[high]!];
  return (low + (to > from ? (share - from) / (to - from) : 0)) * MINUTE_MS;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
