import { beforeAll, type Customer, type Position, type ReadPage } from '../db/customer-export.ts';
import type { Queryable } from '../db/pools.ts';

/**
 * All rows of a customer, of which one page is in memory at a time. A row that is added meanwhile comes if it sorts
 * after the page that is being read.
 *
 * @param ids how many ids follow the time in the rows' positions.
 */
export async function* everyRow<Row extends { readonly position: Position }>(
  readPage: ReadPage<Row>,
  reader: Queryable,
  customer: Customer,
  ids: number,
): AsyncGenerator<Row> {
  let after = beforeAll(ids);
  for (;;) {
    const rows = await readPage(reader, customer, after);
    const last = rows.at(-1);
    if (last === undefined) return;
    yield* rows;
    after = last.position;
  }
}
