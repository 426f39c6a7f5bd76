import { BATCHING_DIALS } from './dials/batching.ts';
import { BUDGET_DIALS } from './dials/budgets.ts';
import { DERIVATION_DIALS } from './dials/derivation.ts';
import { ERASURE_DIALS } from './dials/erasure.ts';
import { FRESHNESS_DIALS } from './dials/freshness.ts';
import { HISTORY_DIALS } from './dials/history.ts';
import { INTAKE_DIALS } from './dials/intake.ts';
import { PRESSURE_DIALS } from './dials/pressure.ts';
import { QUALITY_DIALS } from './dials/quality.ts';
import { RETRIEVAL_DIALS } from './dials/retrieval.ts';
import { SOURCE_DIALS } from './dials/sources.ts';
import { QUOTA_DIALS, STEP_DIALS } from './dials/steps.ts';
import { WATCH_DIALS } from './dials/watch.ts';

/** Every tuned constant, changeable at run time by `PUT /v1/dials/{name}`; each change is recorded. */
export const DIALS = {
  ...INTAKE_DIALS,
  ...BATCHING_DIALS,
  ...QUALITY_DIALS,
  ...RETRIEVAL_DIALS,
  ...ERASURE_DIALS,
  ...DERIVATION_DIALS,
  ...WATCH_DIALS,
  ...PRESSURE_DIALS,
  ...FRESHNESS_DIALS,
  ...SOURCE_DIALS,
  ...BUDGET_DIALS,
  ...STEP_DIALS,
  ...QUOTA_DIALS,
  ...HISTORY_DIALS,
} as const;

export type DialName = keyof typeof DIALS;
export type DialValues = Readonly<Record<DialName, number>>;

export const DIAL_NAMES = Object.keys(DIALS) as DialName[];

export function isDialName(name: string): name is DialName {
  return name in DIALS;
}

/** Defaults, overridden by the values given. Unknown names and values out of bounds are ignored. */
export function dialValues(overrides: readonly { readonly name: string; readonly value: number }[]): DialValues {
  const values: Record<string, number> = Object.fromEntries(DIAL_NAMES.map((name) => [name, DIALS[name].defaultValue]));
  for (const { name, value } of overrides) {
    if (isDialName(name) && value >= DIALS[name].min && value <= DIALS[name].max) values[name] = value;
  }
  return values as Record<DialName, number>;
}
