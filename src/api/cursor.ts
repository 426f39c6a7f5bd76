import { z } from 'zod';
import { invalidField } from '../domain/errors.ts';

/** A row's place in a list: the time that the list is ordered by, in Postgres' own text, and among equals an id. */
export interface Place {
  readonly moment: string;
  readonly id: string;
}

/** What every list takes: how much of it, and after which place. */
export function paging(
  most: number,
  unlessAsked: number,
): { limit: z.ZodDefault<z.ZodCoercedNumber>; cursor: z.ZodOptional<z.ZodString> } {
  return {
    limit: z.coerce.number().int().min(1).max(most).default(unlessAsked),
    /** The `nextCursor` of the page before. */
    cursor: z.string().max(400).optional(),
  };
}

/** What every list answers besides its rows: null on the last page. */
export const nextCursor = z.string().nullable();

/** Which page is asked for. @throws EarshotError `invalid_request` for a cursor that no list gave. */
export function pageAsked(query: Readonly<Record<string, unknown>>): { limit: number; after: Place | null } {
  const { cursor } = query as { cursor?: string };
  return { limit: Number(query['limit']), after: cursor === undefined ? null : parseCursor(cursor) };
}

/** Cuts a page out of rows, of which one more was asked for than the page holds. */
export function pageOf<Row>(
  rows: readonly Row[],
  limit: number,
  placeOf: (row: Row) => Place,
): { page: readonly Row[]; nextCursor: string | null } {
  const page = rows.slice(0, limit);
  return { page, nextCursor: rows.length > limit ? cursorOf(placeOf(page.at(-1)!)) : null };
}

/** A place as an opaque word. */
function cursorOf({ moment, id }: Place): string {
  return Buffer.from(JSON.stringify([moment, id])).toString('base64url');
}

/** As Postgres and JavaScript write a time. */
const MOMENT = /^\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(\.\d{1,6})?(Z|[+-]\d\d(:?\d\d)?)$/;
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

function parseCursor(cursor: string): Place {
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
