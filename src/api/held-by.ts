import { z } from 'zod';
import { atLeast, PRESSURE_STEPS, type PressureStep } from '../domain/pressure.ts';
import type { ApiDependencies } from './dependencies.ts';

/** Why reprocessing that is under way makes no headway: the step that is taken; null when it is not held back. */
export const heldBy = z.enum(PRESSURE_STEPS).nullable();

export function holder({ pressure }: Pick<ApiDependencies, 'pressure'>, underWay: boolean): PressureStep | null {
  const step = pressure.step();
  return underWay && atLeast(step, 'slow_reprocessing') ? step : null;
}
