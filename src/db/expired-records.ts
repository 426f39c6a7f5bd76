import type { Modality } from '../domain/interaction.ts';
import { only, run, type Queryable } from './pools.ts';

/** From when on a class of records is kept; null keeps all of it. */
export type RetentionLimits = Readonly<Record<Modality, Date | null>>;

/** Records that are older than their class may be. Those of customers under a legal hold stay. */
const EXPIRED = `
  i.tenant = $1
  and i.captured_at < case i.modality
    when 'chat' then $2::timestamptz when 'audio' then $3::timestamptz when 'screenshot' then $4::timestamptz end
  and i.captured_at < greatest($2::timestamptz, $3::timestamptz, $4::timestamptz)
  and not exists (select from tombstone t where t.tenant = $1 and t.interaction_id = i.interaction_id)
  and not exists (
    select from legal_hold h where h.tenant = $1 and h.customer_key = i.customer_key and h.released_at is null)`;

const limitValues = (limits: RetentionLimits) => [limits.chat, limits.audio, limits.screenshot];

export async function hasExpired(db: Queryable, tenant: string, limits: RetentionLimits): Promise<boolean> {
  const text = `select exists (select from interaction i where ${EXPIRED}) as found`;
  const statement = { name: 'has_expired_records', text };
  return only(await run<{ found: boolean }>(db, statement, [tenant, ...limitValues(limits)])).found;
}

/** Opens an erasure by age in the ledger. */
export async function openRetentionErasure(
  db: Queryable,
  tenant: string,
  erasureId: string,
  deadlineMs: number,
): Promise<void> {
  const statement = {
    name: 'open_retention_erasure',
    text: `
      insert into erasure (tenant, erasure_id, scope, state, erase_after, due_at, start_after)
      values ($1, $2::uuid, 'retention', 'running', now(), now() + $3::double precision * interval '1 ms', 'infinity')
      on conflict do nothing`,
  };
  await run(db, statement, [tenant, erasureId, deadlineMs]);
}

/** Writes the tombstones of a page of expired records, oldest first; answers how many there were. */
export async function markExpired(
  db: Queryable,
  tenant: string,
  erasureId: string,
  limits: RetentionLimits,
  limit: number,
): Promise<number> {
  const statement = {
    name: 'mark_expired_records',
    text: `
      with page as materialized (
        select i.interaction_id, i.modality
        from interaction i
        where ${EXPIRED}
        order by i.captured_at
        limit $6
      )
      insert into tombstone (tenant, interaction_id, erasure_id, modality, artifacts, chunks, embeddings)
      select $1, page.interaction_id, $5::uuid, page.modality, made.artifacts, made.chunks, made.embeddings
      from page
      cross join lateral (
        select
          (select count(*) from artifact a where a.tenant = $1 and a.interaction_id = page.interaction_id) as artifacts,
          count(distinct c.chunk_id) as chunks,
          count(e.chunk_id) as embeddings
        from chunk c
        left join embedding e on e.tenant = $1 and e.chunk_id = c.chunk_id
        where c.tenant = $1 and c.interaction_id = page.interaction_id
      ) as made
      on conflict do nothing
      returning interaction_id`,
  };
  return (await run(db, statement, [tenant, ...limitValues(limits), erasureId, limit])).length;
}

/** A marked record, and where its objects lie. */
export interface MarkedRecord {
  readonly interaction_id: string;
  readonly session_id: string;
  readonly customer_key: string;
  readonly key_generation: number;
}

export async function markedRecords(
  db: Queryable,
  tenant: string,
  erasureId: string,
  limit: number,
): Promise<MarkedRecord[]> {
  const statement = {
    name: 'marked_records',
    text: `
      select i.interaction_id, i.session_id, i.customer_key, i.key_generation
      from tombstone t
      join interaction i on i.tenant = $1 and i.interaction_id = t.interaction_id
      where t.tenant = $1 and t.erasure_id = $2::uuid
      limit $3`,
  };
  return run<MarkedRecord>(db, statement, [tenant, erasureId, limit]);
}

/** Removes sessions of which no record is left. */
export async function deleteEmptySessions(
  db: Queryable,
  tenant: string,
  sessionIds: readonly string[],
): Promise<number> {
  const statement = {
    name: 'delete_empty_sessions',
    text: `
      delete from session s
      where s.tenant = $1 and s.session_id = any($2::uuid[])
        and not exists (select from interaction i where i.tenant = $1 and i.session_id = s.session_id)
      returning session_id`,
  };
  return (await run(db, statement, [tenant, sessionIds])).length;
}

/** Removes a page of recorded answers that are too old. Customers under a legal hold keep theirs. */
export async function deleteOldRetrievals(db: Queryable, tenant: string, before: Date, limit: number): Promise<number> {
  const statement = {
    name: 'delete_old_retrievals',
    text: `
      delete from retrieval
      where tenant = $1 and retrieval_id in (
        select r.retrieval_id
        from retrieval r
        where r.tenant = $1 and r.asked_at < $2::timestamptz
          and not exists (
            select from legal_hold h where h.tenant = $1 and h.customer_key = r.customer_key and h.released_at is null)
        limit $3)
      returning retrieval_id`,
  };
  return (await run(db, statement, [tenant, before, limit])).length;
}
