import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { keyedIds } from '../../src/domain/ids.ts';
import type { TestDatabase } from './database.ts';
import type { TestEarshot } from './earshot.ts';

/** Later than everything: nothing of the customer is newer. */
const ALL = 'infinity';

const CURRENT = '(select key_generation from subject where customer_key = $1)';

/** How a row of a table is told from what came after the watermark, by the first of these columns that it has. */
const NEWER: Readonly<Record<string, string>> = {
  interaction_id: 'interaction_id in (select interaction_id from newer)',
  chunk_id: 'chunk_id in (select chunk_id from chunk where interaction_id in (select interaction_id from newer))',
  session_id: 'session_id in (select session_id from newer)',
  generation: `generation = ${CURRENT}`,
  // The fifth byte of what is sealed is the last of its key's generation.
  sealed_query: `asked_at > $2 and coalesce(get_byte(sealed_query, 4) = ${CURRENT}, true)`,
  sealed_reason: `placed_at > $2 and get_byte(sealed_reason, 4) = ${CURRENT}`,
};

/** What says that something was, and keeps it from coming back. */
const KEPT = ['subject', 'erasure', 'tombstone'];

/**
 * Counts of what is held of a customer that was captured up to a watermark, by store, without zeros. It knows nothing of
 * how the product deletes or verifies: tables are those with a customer's key in the catalogue.
 */
export async function remainsOf(
  earshot: TestEarshot,
  customerId: string,
  watermark: string = ALL,
): Promise<Record<string, number>> {
  const customerKey = customerKeyOf(earshot, customerId);
  const counts: Record<string, number> = await rowsOf(earshot.database, customerKey, watermark);
  counts['raw'] = await objectsOf(earshot, customerKey);
  counts['temporal'] = await runsOf(earshot, customerKey, watermark);
  return Object.fromEntries(Object.entries(counts).filter(([, count]) => count > 0));
}

export function customerKeyOf({ env }: Pick<TestEarshot, 'env'>, customerId: string): string {
  return keyedIds(Buffer.from(env['EARSHOT_CUSTOMER_SECRET']!, 'hex')).customerKey('default', customerId);
}

export async function rowsOf(
  database: Pick<TestDatabase, 'query'>,
  customerKey: string,
  watermark: string,
): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const { name, columns } of await customerTables(database)) {
    const trace = Object.keys(NEWER).find((column) => columns.includes(column));
    const [row] = await database.query<{ count: number }>(
      `with newer as (
         select i.interaction_id, i.session_id
         from interaction i
         join subject s on s.tenant = i.tenant and s.customer_key = i.customer_key
         where i.customer_key = $1 and i.captured_at > $2::timestamptz and i.key_generation = s.key_generation
       )
       select count(*)::integer as count from ${name}
       where customer_key = $1 and not (${trace === undefined ? 'false' : NEWER[trace]})`,
      [customerKey, watermark],
    );
    counts[name] = row!.count;
  }
  return counts;
}

function customerTables(database: Pick<TestDatabase, 'query'>): Promise<{ name: string; columns: string[] }[]> {
  return database.query(
    `select c.relname as name, array_agg(a.attname::text) as columns
     from pg_class c
     join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
     where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition
       and c.relname <> all($1)
     group by c.relname
     having bool_or(a.attname = 'customer_key')`,
    [KEPT],
  );
}

/** Files under the customer's older keys. */
async function objectsOf({ env, database }: TestEarshot, customerKey: string): Promise<number> {
  const folder = join(fileURLToPath(env['RAW_STORE_URL']!), 'default', customerKey);
  const [subject] = await database.query<{ generation: number }>(
    'select key_generation as generation from subject where customer_key = $1',
    [customerKey],
  );
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
  const current = join(folder, `g${subject?.generation ?? 0}`);
  return entries.filter((entry) => entry.isFile() && !entry.parentPath.startsWith(current)).length;
}

async function runsOf({ temporal }: TestEarshot, customerKey: string, watermark: string): Promise<number> {
  const before = watermark === ALL ? '' : ` and StartTime <= "${watermark}"`;
  const { count } = await temporal.count(`customerKey = "${customerKey}"${before}`);
  return count;
}
