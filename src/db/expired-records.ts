import type { ErasureRef, ErasureReport } from '../domain/erasure.ts';
import type { Modality } from '../domain/interaction.ts';
import type { RecordCursor } from './erased-rows.ts';
import { run, type Queryable } from './pools.ts';

/** A class of records, and from when on it is kept. */
export interface ExpiredClass {
  readonly modality: Modality;
  readonly before: Date;
}

/** A record that is too old, where its objects lie, and its place in the walk over all of them. */
export interface ExpiredRecord extends RecordCursor {
  readonly session_id: string;
  readonly customer_key: string;
  readonly key_generation: number;
}

/**
 * The next page of the records of one class that are older than it may be, oldest first, by the index
 * `interaction_by_age`. Those of customers under a legal hold stay, unless this erasure marked them before it came.
 */
export async function expiredRecords(
  db: Queryable,
  { tenant, erasureId }: ErasureRef,
  { modality, before }: ExpiredClass,
  after: RecordCursor,
  limit: number,
): Promise<ExpiredRecord[]> {
  const statement = {
    name: 'expired_records',
    text: `
      select i.captured_at::text as captured_at, i.interaction_id, i.session_id, i.customer_key, i.key_generation
      from interaction i
      where i.tenant = $1 and i.modality = $3 and i.captured_at < $4::timestamptz
        and i.captured_at >= $5::timestamptz and (i.captured_at, i.interaction_id) > ($5::timestamptz, $6::uuid)
        and (
          not exists (
            select from legal_hold h where h.tenant = $1 and h.customer_key = i.customer_key and h.released_at is null)
          or exists (
            select
            from tombstone t
            where t.tenant = $1 and t.interaction_id = i.interaction_id and t.erasure_id = $2::uuid))
      order by i.captured_at, i.interaction_id
      limit $7`,
  };
  const values = [tenant, erasureId, modality, before, after.captured_at, after.interaction_id, limit];
  return run<ExpiredRecord>(db, statement, values);
}

/** Opens an erasure by age in the ledger, which keeps the limits of that moment. */
export async function openRetentionErasure(
  db: Queryable,
  { tenant, erasureId }: ErasureRef,
  deadlineMs: number,
  limits: NonNullable<ErasureReport['limits']>,
): Promise<void> {
  const statement = {
    name: 'open_retention_erasure',
    text: `
      insert into erasure (tenant, erasure_id, scope, state, erase_after, due_at, start_after, report)
      values ($1, $2::uuid, 'retention', 'running', now(), now() + $3::double precision * interval '1 ms', 'infinity',
        jsonb_build_object('limits', $4::jsonb))
      on conflict do nothing`,
  };
  await run(db, statement, [tenant, erasureId, deadlineMs, JSON.stringify(limits)]);
}

/** Erasures by age that an earlier run has opened and not finished. */
export async function openRetentions(db: Queryable, tenant: string): Promise<string[]> {
  const statement = {
    name: 'open_retentions',
    text: `select erasure_id from erasure where tenant = $1 and scope = 'retention' and state = 'running'`,
  };
  return (await run<{ erasure_id: string }>(db, statement, [tenant])).map(({ erasure_id }) => erasure_id);
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
