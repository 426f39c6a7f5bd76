import { beforeAll, type Customer, type Position, type ReadPage } from '../db/customer-export.ts';
import type { Queryable } from '../db/pools.ts';
import { pages } from '../pages.ts';

/**
 * All rows of a customer, of which one page is in memory at a time.
 *
 * @param ids how many ids follow the time in the rows' positions.
 */
export async function* everyRow<Row extends { readonly position: Position }>(
  readPage: ReadPage<Row>,
  reader: Queryable,
  customer: Customer,
  ids: number,
): AsyncGenerator<Row> {
  const read = (after: Position) => readPage(reader, customer, after);
  for await (const page of pages(beforeAll(ids), (row: Row) => row.position, read)) yield* page;
}
