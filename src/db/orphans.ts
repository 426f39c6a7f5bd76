import type { Slice } from '../domain/reconciliation.ts';
import { admits } from './fence.ts';
import { only, run, type Queryable } from './pools.ts';

/** Of the records of a stretch of time, removes edges whose ends are gone for longer than a write takes. */
export async function removeOrphanEdges(db: Queryable, tenant: string, slice: Slice, graceMs: number): Promise<number> {
  const statement = {
    name: 'remove_orphan_edges',
    text: `
      with removed as (
        delete from lineage_edge l
        using freshness f
        where f.tenant = $1 and f.accepted_at >= $3::timestamptz and f.accepted_at < $4::timestamptz
          and l.tenant = $1 and l.interaction_id = f.interaction_id
          and l.created_at < now() - $2::double precision * interval '1 ms'
          and (
            (l.to_kind = 'artifact' and not exists (
              select from artifact a where a.tenant = $1 and a.artifact_id = l.to_id)
              and not exists (select from redacted_media m where m.tenant = $1 and m.media_id = l.to_id))
            or (l.from_kind = 'artifact' and not exists (
              select from artifact a where a.tenant = $1 and a.artifact_id = l.from_id))
            or (l.from_kind = 'chunk' and not exists (
              select from chunk c where c.tenant = $1 and c.chunk_id = l.from_id)))
        returning 1
      )
      select count(*)::integer as count from removed`,
  };
  return only(await run<{ count: number }>(db, statement, [tenant, graceMs, slice.from, slice.to])).count;
}

/** Vectors that one statement deletes, and one call at most: the partition as a whole goes by itself, at night at last. */
const DELETED_AT_ONCE = 5_000;
const DELETED_AT_MOST = 100_000;

/** Removes vectors of index versions that were dropped and whose partition is still there; answers how many. */
export async function removeOrphanVectors(db: Queryable, tenant: string): Promise<number> {
  const dropped = {
    name: 'dropped_versions',
    text: `select index_version from index_version where state = 'dropped' and removed_at is null`,
  };
  let removed = 0;
  for (const { index_version: version } of await run<{ index_version: number }>(db, dropped, [])) {
    for (let count = DELETED_AT_ONCE; count === DELETED_AT_ONCE && removed < DELETED_AT_MOST; removed += count) {
      count = await removeVectors(db, tenant, version);
    }
  }
  return removed;
}

/** By a version that is given: one that a statement has to find out first has it read all partitions. */
async function removeVectors(db: Queryable, tenant: string, version: number): Promise<number> {
  const statement = {
    name: 'remove_orphan_vectors',
    text: `
      with removed as (
        delete from embedding
        where index_version = $2 and tenant = $1 and chunk_id = any(array(
          select chunk_id
          from embedding
          where index_version = $2 and tenant = $1
          order by chunk_id
          limit $3))
        returning 1
      )
      select count(*)::integer as count from removed`,
  };
  return only(await run<{ count: number }>(db, statement, [tenant, version, DELETED_AT_ONCE])).count;
}

/** Which of these ids are records. */
export async function knownRecords(
  db: Queryable,
  tenant: string,
  interactionIds: readonly string[],
): Promise<string[]> {
  const statement = {
    name: 'known_records',
    text: 'select interaction_id from interaction where tenant = $1 and interaction_id = any($2::uuid[])',
  };
  const rows = await run<{ interaction_id: string }>(db, statement, [tenant, interactionIds]);
  return rows.map(({ interaction_id }) => interaction_id);
}

/** A record whose bytes should be in the raw store. */
export interface RawObjectRow {
  readonly interaction_id: string;
  readonly raw_object: string;
}

/** Records with raw objects, drawn anew each time: those that follow a random id. */
export async function drawRawObjects(
  db: Queryable,
  tenant: string,
  after: string,
  limit: number,
): Promise<RawObjectRow[]> {
  const statement = {
    name: 'draw_raw_objects',
    text: `
      select i.interaction_id, i.raw_object
      from interaction i
      join subject s on s.tenant = $1 and s.customer_key = i.customer_key
      where i.tenant = $1 and i.interaction_id > $2::uuid and i.raw_object is not null
        and ${admits('i', 's')}
      order by i.interaction_id
      limit $3`,
  };
  return run<RawObjectRow>(db, statement, [tenant, after, limit]);
}
