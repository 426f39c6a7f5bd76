import type { StoreCounts } from '../domain/erasure.ts';
import type { OwnerConnection } from '../db/owner.ts';
import type { ErasedSubject } from './subject.ts';

/** A table that could hold something of a customer, as the catalogue tells it. */
export interface TracedTable {
  readonly name: string;
  readonly columns: readonly string[];
  /** Those of the columns that an index finds quickly. */
  readonly indexed: readonly string[];
  readonly has_tenant: boolean;
}

/** Columns by which rows belong to a customer or to a record. */
const TRACES = [
  'customer_key',
  'interaction_id',
  'session_id',
  'artifact_id',
  'chunk_id',
  'retrieval_id',
  'generation',
];

/** What is kept on purpose, without any content: the suppression row and the proof. */
const KEPT = new Set(['subject', 'erasure', 'tombstone', 'erasure_certificate']);

/** Every table, also one that a later migration adds, that has a customer's or a record's id. */
export async function tracedTables(owner: OwnerConnection): Promise<TracedTable[]> {
  const { rows } = await owner.query<TracedTable>(
    `select
       c.relname as name,
       array_agg(distinct a.attname::text) as columns,
       coalesce(array_agg(distinct a.attname::text) filter (where exists (
         select
         from pg_index i
         where i.indrelid = c.oid and i.indpred is null and i.indisvalid
           and (i.indkey[0] = a.attnum or (i.indkey[1] = a.attnum and i.indkey[0] = tenant.attnum))
       )), '{}') as indexed,
       bool_or(tenant.attname is not null) as has_tenant
     from pg_class c
     join pg_attribute a on a.attrelid = c.oid and a.attname = any($1) and not a.attisdropped
     left join pg_attribute tenant on tenant.attrelid = c.oid and tenant.attname = 'tenant'
       and not tenant.attisdropped
     where c.relnamespace = current_schema()::regnamespace and c.relkind in ('r', 'p') and not c.relispartition
     group by c.relname
     having bool_or(a.attname <> 'generation')
     order by c.relname`,
    [TRACES],
  );
  return rows.filter(({ name }) => !KEPT.has(name));
}

/** Rows of the customer by table: before an erasure what is to go, after it what is left. */
export async function countRows(owner: OwnerConnection, subject: ErasedSubject): Promise<StoreCounts> {
  const counts: Record<string, number> = {};
  for (const table of await tracedTables(owner)) {
    const asked = conditions(table, subject);
    // An erasure by age leaves what belongs to the customer and to no record.
    if (asked.length === 0) continue;
    let found = 0;
    for (const condition of asked) {
      found = Math.max(found, await countOf(owner, table, condition));
    }
    counts[`postgres.${table.name}`] = found;
  }
  return counts;
}

interface Condition {
  readonly sql: string;
  readonly values: unknown[];
}

/**
 * How to find a table's rows: by the customer's key, unless only a record's id has an index; by the ids of erased
 * records; by remembered chunks. A table with none of these must not have rows whose parent is gone.
 */
function conditions(table: TracedTable, subject: ErasedSubject): Condition[] {
  const { tenant, customerKey, erasureId, probes } = subject;
  const has = (column: string) => table.columns.includes(column);
  const isIndexed = (column: string) => table.indexed.includes(column);
  const found: Condition[] = [];
  if (customerKey !== null && has('customer_key') && (isIndexed('customer_key') || !isIndexed('interaction_id'))) {
    found.push(ofCustomer(table, subject, customerKey));
  }
  if (has('interaction_id') && (isIndexed('interaction_id') || !isIndexed('customer_key'))) {
    const sql = `${ofTenant(table)} and interaction_id in (
      select t.interaction_id from tombstone t where t.tenant = $1 and t.erasure_id = $2)`;
    found.push({ sql, values: [tenant, erasureId] });
  }
  if (has('chunk_id') && !has('interaction_id')) {
    const sql = `${ofTenant(table)} and chunk_id in (
      select c.chunk_id
      from tombstone t
      join chunk c on c.tenant = $1 and c.interaction_id = t.interaction_id
      where t.tenant = $1 and t.erasure_id = $2)`;
    found.push({ sql, values: [tenant, erasureId] });
  }
  if (has('chunk_id')) {
    found.push({ sql: `${ofTenant(table)} and chunk_id = any($2::uuid[])`, values: [tenant, probes.chunks] });
  }
  const known = has('customer_key') || has('interaction_id') || has('chunk_id');
  return known ? found : PARENTS.filter(([column]) => has(column)).map((parent) => orphans(table, tenant, parent));
}

/** Columns that name something which an erasure takes away, and where that is. */
const PARENTS = [
  ['session_id', 'session'],
  ['artifact_id', 'artifact'],
  ['retrieval_id', 'retrieval'],
] as const;

function orphans(table: TracedTable, tenant: string, [column, parent]: (typeof PARENTS)[number]): Condition {
  const sql = `${ofTenant(table)} and ${column} is not null
    and ${column} not in (select p.${column} from ${parent} p where p.tenant = $1)`;
  return { sql, values: [tenant] };
}

/** Ids are made with the tenant, so that they find the same rows of a table that does not say whose they are. */
function ofTenant({ has_tenant: hasTenant }: TracedTable): string {
  return hasTenant ? 'tenant = $1' : '$1::text is not null';
}

/** The customer's rows, less those of records that came after the erasure. */
function ofCustomer(table: TracedTable, subject: ErasedSubject, customerKey: string): Condition {
  const { tenant, destroyedGeneration, erasedBefore } = subject;
  const values: unknown[] = [tenant, customerKey];
  const parameter = (value: unknown) => `$${values.push(value)}`;
  const newer = (column: string) => `
    select ${column} from interaction n
    where n.tenant = $1 and n.customer_key = $2 and n.key_generation > ${parameter(destroyedGeneration)}`;
  const has = (column: string) => table.columns.includes(column);
  let survivors = 'false';
  if (has('interaction_id')) survivors = `interaction_id in (${newer('n.interaction_id')})`;
  else if (has('chunk_id')) {
    survivors = `chunk_id in (
      select c.chunk_id from chunk c where c.tenant = $1 and c.interaction_id in (${newer('n.interaction_id')}))`;
  } else if (has('session_id')) survivors = `session_id in (${newer('n.session_id')})`;
  else if (has('generation')) survivors = `generation > ${parameter(destroyedGeneration)}`;
  else if (table.name in MOMENTS) survivors = `${MOMENTS[table.name]} > ${parameter(erasedBefore)}`;
  return { sql: `${ofTenant(table)} and customer_key = $2 and not (${survivors})`, values };
}

/** Tables of the customer alone, and the column that says whether a row came after the erasure. */
const MOMENTS: Readonly<Record<string, string>> = {
  retrieval: 'asked_at',
  legal_hold: 'placed_at',
  replay: 'created_at',
};

async function countOf(owner: OwnerConnection, { name }: TracedTable, { sql, values }: Condition): Promise<number> {
  const text = `select count(*)::integer as count from "${name}" where ${sql}`;
  const { rows } = await owner.query<{ count: number }>(text, values);
  return rows[0]!.count;
}
