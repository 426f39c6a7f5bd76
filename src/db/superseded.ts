import { run, type Queryable } from './pools.ts';

/** An artifact that nobody is to find any more, and the kept answer of its model if no other artifact is made of it. */
export interface ToDrop {
  readonly artifact_id: string;
  readonly lone_object: string | null;
}

/**
 * The next artifacts that were superseded before a moment, and those that were staged before it and never came into
 * service. What was staged stays for a day at least, for a replay may be at work on it, and for as long as an index
 * version shows it. What belongs to customers under a legal hold stays.
 */
export async function artifactsToDrop(db: Queryable, tenant: string, before: Date, limit: number): Promise<ToDrop[]> {
  const statement = {
    name: 'artifacts_to_drop',
    text: `
      select a.artifact_id, case when not exists (
        select
        from artifact other
        where other.tenant = $1 and other.interaction_id = a.interaction_id
          and other.sealed_object = a.sealed_object and other.artifact_id <> a.artifact_id
          and not (other.state = 'superseded' and other.superseded_at < $2 or other.state = 'staged' and other.created_at < $2)
      ) then a.sealed_object end as lone_object
      from artifact a
      where a.tenant = $1
        and (a.state = 'superseded' and a.superseded_at < $2::timestamptz
          or a.state = 'staged' and a.shown_in is null and a.created_at < least($2, now() - interval '1 day'))
        and not exists (
          select from legal_hold h where h.tenant = $1 and h.customer_key = a.customer_key and h.released_at is null)
      limit $3`,
  };
  return run<ToDrop>(db, statement, [tenant, before, limit]);
}

/** Deletes artifacts with their chunks, vectors and edges, unless they came into service meanwhile. */
export async function dropArtifacts(db: Queryable, tenant: string, artifactIds: readonly string[]): Promise<void> {
  const statement = {
    name: 'drop_artifacts',
    text: `
      with dropped as (
        delete from artifact
        where tenant = $1 and artifact_id = any($2::uuid[]) and state in ('superseded', 'staged') and shown_in is null
        returning artifact_id
      ), cut as materialized (
        select chunk_id from chunk where tenant = $1 and artifact_id in (select artifact_id from dropped)
      )
      delete from lineage_edge
      where tenant = $1 and (
        to_id in (select artifact_id from dropped)
        or from_id in (select artifact_id from dropped)
        or from_id in (select chunk_id from cut))`,
  };
  await run(db, statement, [tenant, artifactIds]);
}
