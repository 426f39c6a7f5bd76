import type { Modality } from './interaction.ts';

/**
 * What Earshot does when more comes in than it can work off, in the order in which it is done: each step spares more than
 * the one before, and takes more from somebody. At a step all steps before it are done too.
 */
export const PRESSURE_STEPS = [
  'none',
  'slow_reprocessing',
  'grow_batches',
  'drop_captions',
  'refuse_bulk',
  'refuse_live',
] as const;
export type PressureStep = (typeof PRESSURE_STEPS)[number];

/** Whether what a step is for is done at the current one. */
export function atLeast(current: PressureStep, step: PressureStep): boolean {
  return PRESSURE_STEPS.indexOf(current) >= PRESSURE_STEPS.indexOf(step);
}

/** The deeper of two steps. */
export function deeper(one: PressureStep, other: PressureStep): PressureStep {
  return atLeast(one, other) ? one : other;
}

/** Of whose budget a breach is foretold, and in how many minutes; 0: it is breached. */
export interface PressureCause {
  readonly tenant: string;
  readonly modality: Modality;
  readonly minutes: number;
}

/** The step that is taken, and what its next change depends on. Times are milliseconds since the epoch. */
export interface Pressure {
  readonly step: PressureStep;
  readonly since: number;
  /** Of the last change to a deeper step; null before the first, and at `none`. */
  readonly cause: PressureCause | null;
  /** Since when no forecast asks for this step any more; null while one does. */
  readonly calmSince: number | null;
}

export const NO_PRESSURE: Pressure = { step: 'none', since: 0, cause: null, calmSince: null };

export interface PressureRules {
  /** For each step after `none`: minutes until a breach at which it is taken; below 0 it never is. */
  readonly enterMinutes: Readonly<Record<Exclude<PressureStep, 'none'>, number>>;
  /** A step is left when the breach is farther away than so many times the minutes at which it was taken … */
  readonly leaveTimes: number;
  /** … for so long. */
  readonly leaveAfterMs: number;
  /** How long a step has to show what it does before the next one is taken. */
  readonly riseAfterMs: number;
}

/**
 * Moves by one step at the most. Two thresholds (a Schmitt trigger) and two waits keep it from flapping: deeper at once
 * when a forecast falls to the minutes of the next step, but not before the last step had its time; back when forecasts
 * have stayed beyond a multiple of the minutes of the current step for long enough.
 *
 * @param cause the nearest breach foretold by any forecast; null when none is.
 * @param now milliseconds since the epoch.
 */
export function nextPressure(
  current: Pressure,
  cause: PressureCause | null,
  rules: PressureRules,
  now: number,
): Pressure {
  const next = stepAfter(current.step, rules);
  if (next !== undefined && cause !== null && cause.minutes <= rules.enterMinutes[next]) {
    const rested = current.step === 'none' || now - current.since >= rules.riseAfterMs;
    return rested ? { step: next, since: now, cause, calmSince: null } : { ...current, calmSince: null };
  }
  if (current.step === 'none') return current;
  const asked = cause !== null && cause.minutes <= rules.enterMinutes[current.step] * rules.leaveTimes;
  if (asked) return { ...current, calmSince: null };
  const calmSince = current.calmSince ?? now;
  if (now - calmSince < rules.leaveAfterMs) return { ...current, calmSince };
  const step = stepBefore(current.step, rules);
  return { step, since: now, cause: step === 'none' ? null : current.cause, calmSince: step === 'none' ? null : now };
}

/** The next deeper step that is not switched off. */
function stepAfter(step: PressureStep, { enterMinutes }: PressureRules): Exclude<PressureStep, 'none'> | undefined {
  const later = PRESSURE_STEPS.slice(PRESSURE_STEPS.indexOf(step) + 1) as Exclude<PressureStep, 'none'>[];
  return later.find((each) => enterMinutes[each] >= 0);
}

function stepBefore(step: PressureStep, { enterMinutes }: PressureRules): PressureStep {
  const earlier = PRESSURE_STEPS.slice(0, PRESSURE_STEPS.indexOf(step));
  return earlier.findLast((each) => each === 'none' || enterMinutes[each] >= 0) ?? 'none';
}
