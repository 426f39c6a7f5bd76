import { admits } from './fence.ts';
import type { IndexVersionRow } from './index-versions.ts';
import { only, run, type Queryable } from './pools.ts';
import type { PendingRow } from './retrieval.ts';
import { servedAt } from './served.ts';

/** The version that answered queries at a moment; before there was any, the first. */
export async function indexVersionAt(db: Queryable, moment: Date): Promise<IndexVersionRow | undefined> {
  const statement = {
    name: 'index_version_at',
    text: `
      select v.index_version, v.model, v.dimensions, v.storage, v.state
      from index_version_period p
      join index_version v using (index_version)
      order by p.live_from <= $1::timestamptz desc, abs(extract(epoch from p.live_from - $1)), v.index_version
      limit 1`,
  };
  return (await run<IndexVersionRow>(db, statement, [moment]))[0];
}

/** A version by its number, also one whose vectors were dropped since. */
export async function indexVersionNumbered(db: Queryable, indexVersion: number): Promise<IndexVersionRow | undefined> {
  const statement = {
    name: 'index_version_numbered',
    text: 'select index_version, model, dimensions, storage, state from index_version where index_version = $1',
  };
  return (await run<IndexVersionRow>(db, statement, [indexVersion]))[0];
}

/** What a customer had sent by a moment that was not reachable then, as it stood then. */
export async function listPendingAt(
  reader: Queryable,
  tenant: string,
  customerKey: string,
  moment: Date,
): Promise<PendingRow[]> {
  const statement = {
    name: 'list_pending_at',
    text: `
      select
        f.interaction_id, f.modality, f.captured_at,
        case when f.picked_up_at <= $3::timestamptz then 'processing' else 'accepted' end as state,
        case when f.text_reachable_at <= $3 then f.text_reachable_at end as text_reachable_at,
        f.pieces_total,
        (select count(*)::integer from artifact a
          where a.tenant = $1 and a.interaction_id = f.interaction_id and a.created_at <= $3) as pieces_done
      from interaction i
      join freshness f on f.tenant = $1 and f.interaction_id = i.interaction_id
      join subject s on s.tenant = $1 and s.customer_key = $2
      where i.tenant = $1 and i.customer_key = $2 and i.accepted_at <= $3
        and ${admits('i', 's')}
        and case
          when f.reachable_at is not null then f.reachable_at > $3
          when f.state = 'failed' then f.last_failed_at > $3
          when f.state = 'quarantined' then exists (
            select from artifact a
            where a.tenant = $1 and a.interaction_id = f.interaction_id and a.created_at > $3)
          else f.state <> 'erased'
        end
      order by i.captured_at
      limit 100`,
  };
  return run<PendingRow>(reader, statement, [tenant, customerKey, moment]);
}

/** When the newest event happened that was searchable at a moment. */
export async function newestEventTimeAt(
  reader: Queryable,
  tenant: string,
  customerKey: string | null,
  indexVersion: number,
  moment: Date,
): Promise<Date | null> {
  const ofCustomer = customerKey === null ? '$2::text is null' : 'c.customer_key = $2';
  const statement = {
    name: customerKey === null ? 'newest_event_of_all_at' : 'newest_event_of_customer_at',
    text: `
      select max(c.event_time) as newest
      from chunk c
      join subject s on s.tenant = $1 and s.customer_key = c.customer_key
      where c.tenant = $1 and ${ofCustomer} and ${servedAt('$3', '$4::timestamptz')}
        and c.event_time > coalesce(s.erased_before, '-infinity')`,
  };
  const rows = await run<{ newest: Date | null }>(reader, statement, [tenant, customerKey, indexVersion, moment]);
  return rows[0]?.newest ?? null;
}

/** Records that were erased after a moment. */
export interface ErasedSince {
  /** By erasures of the customer, or of any customer when none is asked about. */
  readonly erased: number;
  /** By age, of whomever: their tombstones name no customer. */
  readonly by_age: number;
}

/** Counts tombstones: how many of these records were there already at that moment, nothing that is kept could tell. */
export async function countErasedSince(
  reader: Queryable,
  tenant: string,
  customerKey: string | null,
  moment: Date,
): Promise<ErasedSince> {
  const statement = {
    name: 'count_erased_since',
    text: `
      select
        (count(*) filter (where e.scope = 'customer'))::integer as erased,
        (count(*) filter (where e.scope = 'retention'))::integer as by_age
      from erasure e
      join tombstone t on t.tenant = $1 and t.erasure_id = e.erasure_id
      where e.tenant = $1 and t.erased_at > $3::timestamptz
        and ($2::text is null or e.customer_key = $2 or e.customer_key is null)`,
  };
  return only(await run<ErasedSince>(reader, statement, [tenant, customerKey, moment]));
}
