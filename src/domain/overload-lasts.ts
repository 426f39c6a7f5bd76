import { MODALITIES, type Modality } from './interaction.ts';

/** How a modality of one tenant stands, as far as live records may have to be refused for it (src/domain/forecast.ts). */
export interface Load {
  readonly modality: Modality;
  /** Until a breach that is large enough to refuse anybody; 0: it is there, null: none is foretold. */
  readonly refusingMinutes: number | null;
  /** How long a record that arrives now will take, in budgets; 0 where too little waits to refuse anybody. */
  readonly lagBudgets: number;
}

/** A breach of a modality that is large enough. Times are milliseconds since the epoch. */
export interface Overload {
  readonly since: number;
  /** Whether it has lasted for long enough that live records of the modality are refused. */
  readonly lasting: boolean;
  /** Since when a lasting one is over; null while it is not. */
  readonly calmSince: number | null;
}

export type Overloads = Readonly<Partial<Record<Modality, Overload>>>;

export interface OverloadRules {
  /** Minutes until a breach from which it counts; below 0 none ever does. */
  readonly enterMinutes: number;
  /** It is over when the breach is farther away than this … */
  readonly leaveMinutes: number;
  /** … and a record takes less than so many budgets … */
  readonly leaveBudgets: number;
  /** … for so long. */
  readonly leaveAfterMs: number;
  /** How long a breach has to be there without a break before it lasts. */
  readonly lastsAfterMs: number;
}

/** Follows each modality by itself: an overload of one is no reason to refuse live records of another. */
export function nextOverloads(
  current: Overloads,
  loads: readonly Load[],
  rules: OverloadRules,
  now: number,
): Overloads {
  const next = MODALITIES.map((modality) => {
    const own = loads.filter((load) => load.modality === modality);
    return [modality, nextOverload(current[modality], own, rules, now)] as const;
  });
  return Object.fromEntries(next.filter(([, overload]) => overload !== undefined));
}

function nextOverload(
  current: Overload | undefined,
  loads: readonly Load[],
  rules: OverloadRules,
  now: number,
): Overload | undefined {
  const { enterMinutes, leaveMinutes, leaveBudgets, leaveAfterMs, lastsAfterMs } = rules;
  const within = (minutes: number) =>
    loads.some((load) => load.refusingMinutes !== null && load.refusingMinutes <= minutes);
  if (within(enterMinutes)) {
    const since = current?.since ?? now;
    return { since, lasting: (current?.lasting ?? false) || now - since >= lastsAfterMs, calmSince: null };
  }
  if (current?.lasting !== true) return undefined;
  if (within(leaveMinutes) || loads.some(({ lagBudgets }) => lagBudgets >= leaveBudgets)) {
    return { ...current, calmSince: null };
  }
  const calmSince = current.calmSince ?? now;
  return now - calmSince < leaveAfterMs ? { ...current, calmSince } : undefined;
}

/** The modalities whose live records are refused at the last step. */
export function lastingOf(overloads: Overloads): readonly Modality[] {
  return MODALITIES.filter((modality) => overloads[modality]?.lasting === true);
}
