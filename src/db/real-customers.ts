import { RESERVED_KEYS } from '../domain/canary.ts';

const KEYS = RESERVED_KEYS.map((key) => `'${key}'`).join(', ');

/** Leaves out the records of canaries, which are nobody's. `column` holds a customer's key. */
export function ofRealCustomers(column: string): string {
  return `${column} not in (${KEYS})`;
}

/**
 * Leaves all others out, in a form for which no B-tree can be used: a canary must be found by the same indexes as
 * everybody else, or a fault of these would not be seen.
 */
export function ofReservedCustomers(column: string): string {
  return `(${column} || '') in (${KEYS})`;
}
