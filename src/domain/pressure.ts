import type { Modality } from './interaction.ts';
import { lastingOf, nextOverloads, type Load, type OverloadRules, type Overloads } from './overload-lasts.ts';

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

/** How a modality of a tenant stands, and in how many minutes its budget will be breached; null when it will not. */
export interface Foretold extends Load {
  readonly tenant: string;
  readonly minutes: number | null;
  /** How long what waits has been building up, in budgets; 0 where too little waits to be a backlog … */
  readonly ageBudgets: number;
  /** … or to refuse anybody. */
  readonly refusingAgeBudgets: number;
  /** Whether what waits takes longer than its budget, look after look. */
  readonly beyondBudget: boolean;
}

/** The step that is taken, and what its next change depends on. Times are milliseconds since the epoch. */
export interface Pressure {
  readonly step: PressureStep;
  readonly since: number;
  /** Of the last change to a deeper step; null before the first, and at `none`. */
  readonly cause: PressureCause | null;
  /** Since when no forecast asks for this step any more; null while one does. */
  readonly calmSince: number | null;
  /** By modality; at the last step live records of those that last are refused. */
  readonly overloads: Overloads;
}

export const NO_PRESSURE: Pressure = { step: 'none', since: 0, cause: null, calmSince: null, overloads: {} };

export interface PressureRules {
  /** For each step after `none`: minutes until a breach at which it is taken; below 0 it never is. */
  readonly enterMinutes: Readonly<Record<Exclude<PressureStep, 'none'>, number>>;
  /** What waits must have built up for this share of a budget before a step is taken … */
  readonly leastAgeShare: number;
  /** … and for this one before anybody is refused. */
  readonly refusingAgeShare: number;
  /**
   * A step is left when the breach is farther away than so many times the minutes at which it was taken, what it was taken
   * for has built up for less than this part of the share …
   */
  readonly leaveTimes: number;
  /** … and than this: twice nothing would be nothing … */
  readonly leaveAtLeastMinutes: number;
  /** … for so long. */
  readonly leaveAfterMs: number;
  /** How long a step has to show what it does before the next one is taken. */
  readonly riseAfterMs: number;
  /** How long a breach of a modality has to last before live records are refused: a burst is over by then. */
  readonly refuseLiveAfterMs: number;
}

/**
 * Moves by one step at the most, but at once through those that refuse nobody where what waits is beyond its budget
 * already: a burst leaves no time to see what each does. Two thresholds (a Schmitt trigger) and two waits keep it from flapping: deeper at once
 * when a forecast falls to the minutes of the next step, but not before the last step had its time; back when forecasts
 * have stayed beyond a multiple of the minutes of the current step for long enough. The last step is taken and left by
 * the overloads that last, which have thresholds and waits of their own.
 *
 * @param foretold how each modality of each tenant stands.
 * @param now milliseconds since the epoch.
 */
export function nextPressure(
  current: Pressure,
  foretold: readonly Foretold[],
  rules: PressureRules,
  now: number,
): Pressure {
  const overloads = nextOverloads(current.overloads, foretold, overloadRules(rules), now);
  return { ...nextStep({ ...current, overloads }, foretold, rules, now), overloads };
}

/** What follows where not all is known: a deeper step may be taken, but none is left. */
export function withoutLeaving(before: Pressure, next: Pressure): Pressure {
  const overloads = { ...before.overloads, ...next.overloads };
  const rises = next.step !== before.step && atLeast(next.step, before.step);
  return rises ? { ...next, overloads } : { ...before, calmSince: null, overloads };
}

function nextStep(current: Pressure, foretold: readonly Foretold[], rules: PressureRules, now: number): Pressure {
  const burst = againstBurst(current, foretold, rules);
  if (burst !== undefined) return { ...current, ...burst, since: now, calmSince: null };
  const next = stepAfter(current.step, rules);
  const asked = next === undefined ? undefined : askedFor(next, current.overloads, foretold, rules);
  if (asked !== undefined) {
    const rested = current.step === 'none' || now - current.since >= rules.riseAfterMs;
    return rested ? { ...current, ...asked, since: now, calmSince: null } : { ...current, calmSince: null };
  }
  if (current.step === 'none') return current;
  if (isAsked(current.step, current, foretold, rules)) return { ...current, calmSince: null };
  const calmSince = current.calmSince ?? now;
  // Overloads have been calm for as long already.
  const leaveAfterMs = current.step === 'refuse_live' ? 0 : rules.leaveAfterMs;
  if (now - calmSince < leaveAfterMs) return { ...current, calmSince };
  const step = stepBefore(current.step, rules);
  const none = step === 'none';
  return { ...current, step, since: now, cause: none ? null : current.cause, calmSince: none ? null : now };
}

type Step = Exclude<PressureStep, 'none'>;

/** A step, and what it is taken for. */
interface Asked {
  readonly step: Step;
  readonly cause: PressureCause;
}

/** The deepest step that is asked for, of those that refuse nobody, by what waits beyond its budget. */
function againstBurst(
  { step, overloads }: Pressure,
  foretold: readonly Foretold[],
  rules: PressureRules,
): Asked | undefined {
  const bursts = foretold.filter(({ beyondBudget }) => beyondBudget);
  let deepest: Asked | undefined;
  for (let next = stepAfter(step, rules); next !== undefined && !refuses(next); next = stepAfter(next, rules)) {
    const asked = askedFor(next, overloads, bursts, rules);
    if (asked === undefined) break;
    deepest = asked;
  }
  return deepest;
}

function askedFor(
  step: Step,
  overloads: Overloads,
  foretold: readonly Foretold[],
  { enterMinutes }: PressureRules,
): Asked | undefined {
  const cause = causeFor(step, overloads, foretold);
  return cause !== null && cause.minutes <= enterMinutes[step] ? { step, cause } : undefined;
}

/** Whether the step that is taken is still asked for. */
function isAsked(
  step: Step,
  { overloads, cause: takenFor }: Pressure,
  foretold: readonly Foretold[],
  rules: PressureRules,
): boolean {
  if (step === 'refuse_live') return lastingOf(overloads).length > 0;
  const cause = causeFor(step, overloads, foretold);
  return (
    (cause !== null && cause.minutes <= minutesToLeave(step, rules)) || isStillOld(step, takenFor, foretold, rules)
  );
}

/**
 * Whether what a step was taken for has not fallen well below the age at which it could be: it would be taken again as
 * soon as what it spares came back.
 */
function isStillOld(
  step: Step,
  takenFor: PressureCause | null,
  foretold: readonly Foretold[],
  { leastAgeShare, refusingAgeShare, leaveTimes }: PressureRules,
): boolean {
  const share = refuses(step) ? refusingAgeShare : leastAgeShare;
  const own = foretold.find(({ tenant, modality }) => tenant === takenFor?.tenant && modality === takenFor.modality);
  // Where any age will do, none keeps a step.
  if (own === undefined || share === 0) return false;
  return (refuses(step) ? own.refusingAgeBudgets : own.ageBudgets) >= share / leaveTimes;
}

function refuses(step: Step): boolean {
  return atLeast(step, 'refuse_bulk');
}

/** The nearest breach that a step may be taken for: one that is large to refuse anybody, one that lasts to refuse live records. */
function causeFor(step: Step, overloads: Overloads, foretold: readonly Foretold[]): PressureCause | null {
  const causes = foretold.flatMap(({ tenant, modality, minutes, refusingMinutes }) => {
    const counted = step !== 'refuse_live' || lastingOf(overloads).includes(modality);
    const until = refuses(step) ? refusingMinutes : minutes;
    return counted && until !== null ? [{ tenant, modality, minutes: until }] : [];
  });
  return causes.toSorted((one, other) => one.minutes - other.minutes)[0] ?? null;
}

function minutesToLeave(step: Step, { enterMinutes, leaveTimes, leaveAtLeastMinutes }: PressureRules): number {
  return Math.max(enterMinutes[step] * leaveTimes, leaveAtLeastMinutes);
}

function overloadRules(rules: PressureRules): OverloadRules {
  return {
    enterMinutes: rules.enterMinutes.refuse_live,
    leaveMinutes: minutesToLeave('refuse_live', rules),
    leaveBudgets: 1 / rules.leaveTimes,
    leaveAfterMs: rules.leaveAfterMs,
    lastsAfterMs: rules.refuseLiveAfterMs,
  };
}

/** The next deeper step that is not switched off. */
function stepAfter(step: PressureStep, { enterMinutes }: PressureRules): Step | undefined {
  const later = PRESSURE_STEPS.slice(PRESSURE_STEPS.indexOf(step) + 1) as Step[];
  return later.find((each) => enterMinutes[each] >= 0);
}

function stepBefore(step: PressureStep, { enterMinutes }: PressureRules): PressureStep {
  const earlier = PRESSURE_STEPS.slice(0, PRESSURE_STEPS.indexOf(step));
  return earlier.findLast((each) => each === 'none' || enterMinutes[each] >= 0) ?? 'none';
}
