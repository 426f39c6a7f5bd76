import { invalidField } from '../domain/errors.ts';

/** Where a list goes on, as an opaque word: two columns by which it is ordered, the second an id. */
export function cursorOf(moment: string, id: string): string {
  return Buffer.from(JSON.stringify([moment, id])).toString('base64url');
}

/** As Postgres and JavaScript write a time. */
const MOMENT = /^\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(\.\d{1,6})?(Z|[+-]\d\d(:?\d\d)?)$/;
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** @throws EarshotError `invalid_request` for what `cursorOf` did not make. */
export function parseCursor(cursor: string): { moment: string; id: string } {
  try {
    const [moment, id] = JSON.parse(Buffer.from(cursor, 'base64url').toString()) as unknown[];
    if (isMoment(moment) && typeof id === 'string' && UUID.test(id)) {
      return { moment, id };
    }
  } catch {
    // No JSON: refused below.
  }
  throw invalidField('cursor', 'is not one that this list gave');
}

function isMoment(moment: unknown): moment is string {
  return typeof moment === 'string' && MOMENT.test(moment) && !Number.isNaN(Date.parse(moment));
}
