import type { Modality } from '../domain/interaction.ts';
import type { RecordCursor } from './erased-rows.ts';
import { run, type Queryable } from './pools.ts';

/** From when on a class of records is kept; null keeps all of it. */
export type RetentionLimits = Readonly<Record<Modality, Date | null>>;

/** A record that is too old, where its objects lie, and its place in the walk over all of them. */
export interface ExpiredRecord extends RecordCursor {
  readonly session_id: string;
  readonly customer_key: string;
  readonly key_generation: number;
}

/**
 * The next page of the records that are older than their class may be, oldest first. Those of customers under a legal
 * hold stay, unless they were marked before it came. The second condition on time is what the index `interaction_by_age` stops at.
 */
export async function expiredRecords(
  db: Queryable,
  tenant: string,
  limits: RetentionLimits,
  after: RecordCursor,
  limit: number,
): Promise<ExpiredRecord[]> {
  const statement = {
    name: 'expired_records',
    text: `
      select i.captured_at::text as captured_at, i.interaction_id, i.session_id, i.customer_key, i.key_generation
      from interaction i
      where i.tenant = $1
        and i.captured_at < case i.modality
          when 'chat' then $2::timestamptz when 'audio' then $3::timestamptz when 'screenshot' then $4::timestamptz end
        and i.captured_at < greatest($2::timestamptz, $3::timestamptz, $4::timestamptz)
        and i.captured_at >= $5::timestamptz and (i.captured_at, i.interaction_id) > ($5::timestamptz, $6::uuid)
        and (
          not exists (
            select from legal_hold h where h.tenant = $1 and h.customer_key = i.customer_key and h.released_at is null)
          or exists (select from tombstone t where t.tenant = $1 and t.interaction_id = i.interaction_id))
      order by i.captured_at, i.interaction_id
      limit $7`,
  };
  const { chat, audio, screenshot } = limits;
  const values = [tenant, chat, audio, screenshot, after.captured_at, after.interaction_id, limit];
  return run<ExpiredRecord>(db, statement, values);
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
