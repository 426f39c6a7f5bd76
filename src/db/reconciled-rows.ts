import type { BucketTally, ComparedStore, Slice, Tally } from '../domain/reconciliation.ts';
import { COMPARED_STORES } from '../domain/reconciliation.ts';
import { tracedModalities, type LineageDepths } from '../domain/lineage-depth.ts';
import { admits } from './fence.ts';
import { only, run, type Queryable } from './pools.ts';
import { ofRealCustomers } from './real-customers.ts';
import { servedBy } from './served.ts';

/**
 * All that hangs on the records of a stretch of time that are called reachable, and what should hang on them. Erased
 * records are not among them from the fence on, so nothing of theirs is ever missed, or made anew.
 *
 * `wanted` and `found` name each thing by store and id. An artifact is wanted for every piece of a record; a text for
 * every edge to one, and for every artifact that has any; a vector for every text that a version serves, by the model
 * of that version, unless the model refused the text; an edge for every row, of a stream whose lineage ends at the
 * artifact for every artifact.
 */
const CHAIN = `
  version as materialized (
    select index_version, model from index_version where state in ('live', 'retired')
  ), record as materialized (
    select f.interaction_id, f.pieces_total, f.modality = any($5::text[]) as traced,
      date_trunc('hour', f.accepted_at, 'UTC') as hour
    from freshness f
    join interaction i on i.tenant = $1 and i.interaction_id = f.interaction_id
    join subject s on s.tenant = $1 and s.customer_key = f.customer_key
    where f.tenant = $1 and f.accepted_at >= $2::timestamptz and f.accepted_at < $3::timestamptz
      and f.state = 'reachable' and f.reachable_at < now() - $4::double precision * interval '1 ms'
      and ${admits('i', 's')}
      and ${ofRealCustomers('f.customer_key')}
  ), made as materialized (
    select r.hour, r.traced, a.artifact_id, a.interaction_id, a.kind, a.piece,
      case when a.shown_in is null then a.state else 'active' end as state, a.content <> '[]' as has_text
    from record r
    join artifact a on a.tenant = $1 and a.interaction_id = r.interaction_id
    where a.state <> 'staged' or a.shown_in in (select index_version from version)
  ), edge as materialized (
    select r.hour, l.from_id, l.to_id, l.to_kind, (l.parameters ->> 'indexVersion')::integer as index_version
    from record r
    join lineage_edge l on l.tenant = $1 and l.interaction_id = r.interaction_id
  ), c as materialized (
    select m.hour, m.traced, c.chunk_id, c.artifact_id, c.interaction_id, c.active, c.shown_in, c.hidden_in
    from made m
    join chunk c on c.tenant = $1 and c.artifact_id = m.artifact_id
    where m.state = 'active'
  ), vector as materialized (
    select c.hour, c.traced, c.chunk_id, c.artifact_id, c.interaction_id, v.index_version,
      coalesce(e.model_version = v.model, false) as stored
    from c
    join version v on ${servedBy('v.index_version')}
    left join embedding e on e.index_version = v.index_version and e.tenant = $1 and e.chunk_id = c.chunk_id
    where not exists (
      select
      from embedding_failure x
      where x.tenant = $1 and x.index_version = v.index_version and x.chunk_id = c.chunk_id)
  ), thing as (
    select 'artifact' as store, r.hour, r.interaction_id::text as name, r.interaction_id, null::uuid as artifact_id,
      null::uuid as chunk_id, null::integer as index_version,
      coalesce(m.any_active and m.pieces >= r.pieces_total, false) as found
    from record r
    left join (
      select interaction_id, bool_or(state = 'active') as any_active, count(distinct (kind, piece)) as pieces
      from made
      group by interaction_id
    ) m using (interaction_id)
    union all
    select 'chunk', e.hour, e.to_id::text, m.interaction_id, m.artifact_id, e.to_id, null, c.chunk_id is not null
    from edge e
    join made m on m.artifact_id = e.from_id and m.state = 'active'
    left join c on c.chunk_id = e.to_id
    where e.to_kind = 'chunk'
    union all
    select 'chunk', m.hour, m.artifact_id::text, m.interaction_id, m.artifact_id, null, null, false
    from made m
    where m.state = 'active' and m.has_text
      and not exists (select from c where c.artifact_id = m.artifact_id)
      and not exists (select from edge e where e.from_id = m.artifact_id and e.to_kind = 'chunk')
    union all
    select 'vector', hour, chunk_id || '@' || index_version, interaction_id, artifact_id, chunk_id, index_version, stored
    from vector
    union all
    select 'lineage', m.hour, m.artifact_id::text, m.interaction_id, m.artifact_id, null, null,
      exists (select from edge e where e.to_id = m.artifact_id and e.to_kind = 'artifact')
    from made m
    where m.state = 'active'
    union all
    select 'lineage', c.hour, c.chunk_id::text, c.interaction_id, c.artifact_id, c.chunk_id, null,
      exists (select from edge e where e.to_id = c.chunk_id and e.to_kind = 'chunk')
    from c
    where c.traced
    union all
    select 'lineage', v.hour, v.chunk_id || '@' || v.index_version, v.interaction_id, v.artifact_id, v.chunk_id,
      v.index_version,
      exists (
        select
        from edge e
        where e.from_id = v.chunk_id and e.to_kind = 'embedding' and e.index_version = v.index_version)
    from vector v
    where v.stored and v.traced
  )`;

/** The sum of 64-bit hashes as a decimal: equal for equal sets, in whatever order they are read. */
const hashOf = (which: string) => `coalesce(sum(hashtextextended(name, 0)::numeric)${which}, 0)::text`;

const TALLY = {
  name: 'tally_buckets',
  text: `
    with ${CHAIN}
    select
      store, hour,
      count(*)::float8 as expected, ${hashOf('')} as expected_hash,
      (count(*) filter (where found))::float8 as found, ${hashOf(' filter (where found)')} as found_hash
    from thing
    group by store, hour
    order by hour, store`,
};

/** What of a stretch of time is compared. */
export interface ReconcileBounds {
  /** Records that settled within this are left out. */
  readonly settledForMs: number;
  readonly lineageDepths: LineageDepths;
}

interface TallyRow {
  readonly store: ComparedStore;
  readonly hour: Date;
  readonly expected: number;
  readonly expected_hash: string;
  readonly found: number;
  readonly found_hash: string;
}

const NOTHING: Tally = { count: 0, hash: '0' };

/** Counts and hashes of each hour that has records. */
export async function tallyBuckets(
  db: Queryable,
  tenant: string,
  slice: Slice,
  { settledForMs, lineageDepths }: ReconcileBounds,
): Promise<BucketTally[]> {
  const rows = await run<TallyRow>(db, TALLY, [
    tenant,
    slice.from,
    slice.to,
    settledForMs,
    tracedModalities(lineageDepths),
  ]);
  const hours = Map.groupBy(rows, ({ hour }) => hour.toISOString());
  return [...hours].map(([hour, ofHour]) => {
    const stores = COMPARED_STORES.map((store) => {
      const row = ofHour.find((each) => each.store === store);
      const expected = row === undefined ? NOTHING : { count: row.expected, hash: row.expected_hash };
      const found = row === undefined ? NOTHING : { count: row.found, hash: row.found_hash };
      return [store, { expected, found }] as const;
    });
    return { hour, stores: Object.fromEntries(stores) as BucketTally['stores'] };
  });
}

/** Something that should be there and is not. What is null does not belong to its name. */
export interface MissingRow {
  readonly interaction_id: string;
  readonly artifact_id: string | null;
  readonly chunk_id: string | null;
  readonly index_version: number | null;
}

/** What one store lacks in a stretch of time. */
export async function listMissing(
  db: Queryable,
  tenant: string,
  slice: Slice,
  { settledForMs, lineageDepths }: ReconcileBounds,
  store: ComparedStore,
  limit: number,
): Promise<MissingRow[]> {
  const statement = {
    name: 'list_missing',
    text: `
      with ${CHAIN}
      select interaction_id, artifact_id, chunk_id, index_version
      from thing
      where store = $6 and not found
      order by name
      limit $7`,
  };
  return run<MissingRow>(db, statement, [
    tenant,
    slice.from,
    slice.to,
    settledForMs,
    tracedModalities(lineageDepths),
    store,
    limit,
  ]);
}

/** Texts that are served more than once for one passage of one record, beyond the first. */
export async function countDuplicates(
  db: Queryable,
  tenant: string,
  slice: Slice,
  indexVersion: number,
): Promise<number> {
  const statement = {
    name: 'count_duplicates',
    text: `
      select coalesce(sum(times - 1), 0)::float8 as duplicates
      from (
        select count(*) as times
        from freshness f
        join chunk c on c.tenant = $1 and c.interaction_id = f.interaction_id
        join artifact a on a.tenant = $1 and a.artifact_id = c.artifact_id
        where f.tenant = $1 and f.accepted_at >= $2::timestamptz and f.accepted_at < $3::timestamptz
          and (a.state = 'active' or a.shown_in is not null) and ${servedBy('$4')}
        group by c.interaction_id, a.kind, a.piece, c.ordinal
        having count(*) > 1
      ) as again`,
  };
  return only(await run<{ duplicates: number }>(db, statement, [tenant, slice.from, slice.to, indexVersion]))
    .duplicates;
}

/** When the first record from a moment on was accepted; null when there is none. */
export async function nextAcceptedAt(db: Queryable, tenant: string, from: string): Promise<Date | null> {
  const statement = {
    name: 'next_accepted_at',
    text: 'select min(accepted_at) as next from freshness where tenant = $1 and accepted_at >= $2::timestamptz',
  };
  return only(await run<{ next: Date | null }>(db, statement, [tenant, from])).next;
}

/**
 * Where a part of so many records ends that begins at a moment: at `before` when there are no more. Moments are whole
 * milliseconds, so a part ends before the last of them, or one millisecond after its start when all are of one.
 */
export async function partEnd(
  db: Queryable,
  tenant: string,
  { from, to: before }: Slice,
  records: number,
): Promise<Date> {
  const statement = {
    name: 'part_end',
    text: `
      select coalesce((
        select greatest(date_trunc('milliseconds', accepted_at), $2::timestamptz + interval '1 ms')
        from freshness
        where tenant = $1 and accepted_at >= $2 and accepted_at < $3::timestamptz
        order by accepted_at
        offset $4
        limit 1), $3) as end`,
  };
  return only(await run<{ end: Date }>(db, statement, [tenant, from, before, records])).end;
}
