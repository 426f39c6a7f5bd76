import { invalidField } from '../domain/errors.ts';

/** A moment that is asked about. */
export function pastTime(field: string, value: string): Date {
  const moment = new Date(value);
  if (moment.getTime() > Date.now()) throw invalidField(field, 'lies in the future');
  return moment;
}
