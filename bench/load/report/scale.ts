/** Places values on an axis, from 0 at its start to 1 at its end. */
export interface Scale {
  place(value: number): number;
  readonly ticks: readonly number[];
}

const TICKS = 5;

/** From 0 to at least `most`, with round ticks. */
export function linear(most: number): Scale {
  const step = roundStep(Math.max(most, 1e-9) / TICKS);
  const end = Math.ceil(Math.max(most, 1e-9) / step - 1e-9) * step;
  const ticks = Array.from({ length: Math.round(end / step) + 1 }, (_, index) => index * step);
  return { ticks, place: (value) => value / end };
}

/** From 0 to exactly `end`, with round ticks on the way. */
export function upTo(end: number): Scale {
  return { ticks: linear(end).ticks.filter((tick) => tick <= end), place: (value) => value / end };
}

/** Powers of ten around the values, which are above 0. */
export function logarithmic(least: number, most: number): Scale {
  const low = Math.floor(Math.log10(Math.max(least, 1e-9)));
  const high = Math.max(low + 1, Math.ceil(Math.log10(Math.max(most, 1e-9))));
  const ticks = Array.from({ length: high - low + 1 }, (_, index) => 10 ** (low + index));
  return { ticks, place: (value) => (Math.log10(Math.max(value, 10 ** low)) - low) / (high - low) };
}

/** 1, 2 or 5 times a power of ten. */
function roundStep(step: number): number {
  const power = 10 ** Math.floor(Math.log10(step));
  return ([1, 2, 5].find((factor) => factor * power >= step) ?? 10) * power;
}
