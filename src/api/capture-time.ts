import { invalidField } from '../domain/errors.ts';
import type { ApiDependencies } from './dependencies.ts';

/**
 * A time at which something was captured. The past is welcome, however late; a time beyond the tolerance for clocks
 * that run ahead is a mistake.
 */
export function captureTime(deps: ApiDependencies, field: string, value: string): Date {
  const moment = new Date(value);
  if (moment.getTime() > Date.now() + deps.dials.get('intake.future_tolerance_ms')) {
    throw invalidField(field, 'lies in the future');
  }
  return moment;
}
