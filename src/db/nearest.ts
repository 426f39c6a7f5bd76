import { createHash } from 'node:crypto';
import { tiersOf } from '../domain/index-segments.ts';
import { indexedVector, inSegment } from './index-segments.ts';
import type { IndexVersionRow } from './index-versions.ts';
import type { Statement } from './pools.ts';

/** What a search for the nearest vectors `e` and their chunks `c` asks for. `$1` is the tenant. */
export interface NearestSearch {
  /** The vector that is asked for, as an expression of text or of vectors. */
  readonly vector: string;
  /** A condition on `e`, or none. */
  readonly ofVector?: string;
  /** A condition on `c`; without one chunks are not looked at. */
  readonly ofChunk?: string;
  /** The most rows. */
  readonly limit: string;
  /** Absent: what the connection says. */
  readonly width?: SearchWidth | undefined;
  /** Of a tenant with up to so many vectors all are measured. Absent: its vectors are searched as those of any. */
  readonly fewRows?: number | undefined;
}

/** How far the search of an HNSW index goes. */
export interface SearchWidth {
  /** Vectors that it keeps in view, `hnsw.ef_search`. */
  readonly efSearch: number;
  /**
   * Vectors, of all tenants, after which it is given up, however few have passed the conditions, `hnsw.max_scan_tuples`.
   * Absent: what the connection says, which is pgvector's 20,000.
   */
  readonly scanRows?: number | undefined;
}

/**
 * A subquery of the nearest vectors of a version, `chunk_id` and `distance`, nearest first: from each segment by its HNSW
 * index, with iterative scan, which goes on until enough rows pass; from all that no segment holds exactly. The conditions
 * on `sequence` are what each index was built for; a vector answers to exactly one of them, so that it is found once,
 * whatever was built or dropped since the segments were read.
 *
 * An HNSW index holds the vectors of all tenants, and would be given up before it came upon enough of a small one's: these
 * are all measured, found by their tenant (`fewRows`).
 */
export function nearestVectors(row: IndexVersionRow, search: NearestSearch): string {
  // Names what is asked for, so that it has a type.
  if (row.state === 'dropped') {
    return `(select null::uuid as chunk_id, (${search.vector})::vector <=> null as distance limit 0)`;
  }
  const { sealed, exact } = tiersOf(row.segments);
  const { fewRows } = search;
  const ranges = sealed.map((segment) => inSegment('e.sequence', segment));
  const small = fewRows !== undefined && ranges.length > 0;
  const parts = [
    ...ranges.map((range) => byIndex(row, search, small ? `${range} and ${HAS_MANY}` : range)),
    ...exact.map((segment) => exactly(row, search, inSegment('e.sequence', segment))),
    ...(small
      ? [exactly(row, search, `(${ranges.join(' or ')}) and not ${HAS_MANY}`, firstOfTenant(row, fewRows))]
      : []),
  ];
  return `(
    ${small ? tenantSize(row, fewRows) : ''}
    select chunk_id, distance
    from (${parts.join(' union all ')}) as tiers
    order by distance
    limit ${search.limit})`;
}

/** Counts no further than it must, in the order of an index, and once for all segments. */
const tenantSize = (row: IndexVersionRow, fewRows: number): string => `
    with of_tenant as materialized (
      select exists (
        select from embedding_v${row.index_version} where tenant = $1 order by sequence offset ${fewRows} limit 1
      ) as has_many
    )`;

const HAS_MANY = '(select has_many from of_tenant)';

/** By the index of tenants: a plan for any tenant would read the vectors of all. */
const firstOfTenant = (row: IndexVersionRow, fewRows: number): string =>
  `(select * from embedding_v${row.index_version} where tenant = $1 order by sequence limit ${fewRows})`;

const distanceOf = (row: IndexVersionRow, { vector }: NearestSearch) =>
  `${indexedVector(row, 'e.embedding')} <=> ${indexedVector(row, vector)}`;

const and = (condition: string | undefined) => (condition === undefined ? '' : `and ${condition}`);

/** Set before the index is first asked, and until the statement ends: what does not depend on a row is evaluated before all. */
const settingOf = (width: SearchWidth | undefined) =>
  width === undefined
    ? ''
    : `and (select set_config('hnsw.ef_search', '${width.efSearch}', true)${
        width.scanRows === undefined
          ? ''
          : `
          || set_config('hnsw.max_scan_tuples', '${width.scanRows}', true)`
      }) is not null`;

function byIndex(row: IndexVersionRow, search: NearestSearch, range: string): string {
  const { ofVector, ofChunk, limit, width } = search;
  const distance = distanceOf(row, search);
  return `(
      select e.chunk_id, ${distance} as distance
      from embedding_v${row.index_version} e
      ${ofChunk === undefined ? '' : `join chunk c on c.tenant = $1 and c.chunk_id = e.chunk_id and ${ofChunk}`}
      where e.tenant = $1 and ${range} ${and(ofVector)} ${settingOf(width)}
      order by ${distance}
      limit ${limit})`;
}

/** Sorted before chunks are looked at, for which "offset 0" stands: only the nearest need be. */
function exactly(
  row: IndexVersionRow,
  search: NearestSearch,
  range: string,
  vectors = `embedding_v${row.index_version}`,
): string {
  const { ofVector, ofChunk, limit } = search;
  const sorted = `
        select e.chunk_id, ${distanceOf(row, search)} as distance
        from ${vectors} e
        where e.tenant = $1 and ${range} ${and(ofVector)}
        order by distance`;
  if (ofChunk === undefined) return `(${sorted} limit ${limit})`;
  return `(
      select e.chunk_id, e.distance
      from (${sorted} offset 0) as e
      join chunk c on c.tenant = $1 and c.chunk_id = e.chunk_id and ${ofChunk}
      order by e.distance
      limit ${limit})`;
}

/**
 * A statement over the segments of a version. Their numbers are in its text, as the indexes need them, so that it is another
 * one after each sealing; it is counted without them, and without what else its text holds of numbers, `variant`.
 */
export function overSegments(
  name: string,
  { segments }: Pick<IndexVersionRow, 'segments'>,
  text: string,
  variant = '',
): Statement {
  const tiers = segments.map(({ from, until }) => `${from} ${until}`).join();
  const suffix = createHash('sha256').update(`${tiers} ${variant}`).digest('hex').slice(0, 12);
  return { name: tiers === '' && variant === '' ? name : `${name}_${suffix}`, family: name, text };
}
