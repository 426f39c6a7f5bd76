import { RESERVED_KEYS } from '../domain/canary.ts';

/** Leaves out the records of canaries, which are nobody's. `column` holds a customer's key. */
export function ofRealCustomers(column: string): string {
  return `${column} not in (${RESERVED_KEYS.map((key) => `'${key}'`).join(', ')})`;
}
