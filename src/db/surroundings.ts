import type { Modality } from '../domain/interaction.ts';
import { admits } from './fence.ts';
import { ofRealCustomers } from './real-customers.ts';
import { servedAt } from './served.ts';

/** What a customer sent that is not reachable yet. */
export interface PendingRow {
  readonly interaction_id: string;
  readonly modality: Modality;
  readonly captured_at: Date;
  readonly state: 'accepted' | 'processing';
  readonly text_reachable_at: Date | null;
  readonly pieces_done: number;
  readonly pieces_total: number;
  /** Since it was accepted; absent in an answer about the past, of which nothing is foretold. */
  readonly age_ms?: number;
}

/** Records that were erased after a moment. */
export interface ErasedSince {
  /** By erasures of the customer, or of any customer when none is asked about. */
  readonly erased: number;
  /** By age, of whomever: their tombstones name no customer. */
  readonly by_age: number;
}

/** What is around the results, now or at a moment. */
export interface Surroundings {
  /** When the newest searchable event happened; null when nothing is searchable. */
  readonly newest: Date | null;
  readonly pending: readonly PendingRow[];
  /** Null for an answer about now. */
  readonly erased: ErasedSince | null;
  /** The version that answers now; null when there is none. */
  readonly live: number | null;
}

/** How `surroundingsText` answers. */
export interface SurroundingsRow {
  readonly newest: Date | null;
  readonly pending: readonly PendingJson[] | null;
  readonly erased: ErasedSince | null;
  readonly live: number | null;
}

interface PendingJson extends Omit<PendingRow, 'captured_at' | 'text_reachable_at'> {
  readonly captured_at: string;
  readonly text_reachable_at: string | null;
}

export function surroundingsOf({ newest, pending, erased, live }: SurroundingsRow): Surroundings {
  return {
    newest,
    erased,
    live,
    pending: (pending ?? []).map((row) => ({
      ...row,
      captured_at: new Date(row.captured_at),
      text_reachable_at: row.text_reachable_at === null ? null : new Date(row.text_reachable_at),
    })),
  };
}

/** Whom a question is about and when. `$1` is the tenant, `$2` the customer or null. */
export interface Situation {
  readonly ofCustomer: boolean;
  readonly indexVersion: number;
  /** The parameter of the moment; null: now. */
  readonly moment: string | null;
}

/** A select of one row, `SurroundingsRow`. */
export function surroundingsText({ ofCustomer, indexVersion, moment }: Situation): string {
  const pending = moment === null ? PENDING : pendingAt(moment);
  return `
    select
      (${moment === null ? newestText(ofCustomer) : newestAtText(ofCustomer, indexVersion, moment)}) as newest,
      ${ofCustomer ? `(select jsonb_agg(to_jsonb(p) order by p.captured_at) from (${pending}) as p)` : 'null::jsonb'} as pending,
      ${moment === null ? 'null::jsonb' : `(${erasedSince(moment)})`} as erased,
      (select index_version from index_version where state = 'live') as live`;
}

const newestText = (ofCustomer: boolean): string =>
  ofCustomer
    ? `
        select newest.event_time
        from subject s
        cross join lateral (
          select c.event_time
          from chunk c
          where c.tenant = $1 and c.customer_key = $2 and c.active
          order by c.event_time desc
          limit 1
        ) as newest
        where s.tenant = $1 and s.customer_key = $2 and newest.event_time > coalesce(s.erased_before, '-infinity')`
    : `
        select max(c.event_time)
        from chunk c
        where c.tenant = $1 and $2::text is null and c.active and ${ofRealCustomers('c.customer_key')}`;

const newestAtText = (ofCustomer: boolean, indexVersion: number, moment: string): string => `
        select max(c.event_time)
        from chunk c
        join subject s on s.tenant = $1 and s.customer_key = c.customer_key
        where c.tenant = $1 and ${ofCustomer ? 'c.customer_key = $2' : '$2::text is null'}
          and ${servedAt(indexVersion, `${moment}::timestamptz`)}
          and c.event_time > coalesce(s.erased_before, '-infinity')`;

const PENDING = `
        select
          f.interaction_id, f.modality, f.captured_at, f.state, f.text_reachable_at, f.pieces_total,
          (select count(*)::integer from artifact a where a.tenant = $1 and a.interaction_id = f.interaction_id)
            as pieces_done,
          extract(epoch from now() - f.accepted_at)::double precision * 1000 as age_ms
        from freshness f
        join subject s on s.tenant = $1 and s.customer_key = $2
        where f.tenant = $1 and f.customer_key = $2 and f.state in ('accepted', 'processing')
          and f.captured_at > coalesce(s.erased_before, '-infinity')
        order by f.captured_at
        limit 100`;

/** What a customer had sent by a moment that was not reachable then, as it stood then. */
const pendingAt = (moment: string): string => `
        select
          f.interaction_id, f.modality, f.captured_at,
          case when f.picked_up_at <= ${moment}::timestamptz then 'processing' else 'accepted' end as state,
          case when f.text_reachable_at <= ${moment} then f.text_reachable_at end as text_reachable_at,
          f.pieces_total,
          (select count(*)::integer from artifact a
            where a.tenant = $1 and a.interaction_id = f.interaction_id and a.created_at <= ${moment}) as pieces_done
        from interaction i
        join freshness f on f.tenant = $1 and f.interaction_id = i.interaction_id
        join subject s on s.tenant = $1 and s.customer_key = $2
        where i.tenant = $1 and i.customer_key = $2 and i.accepted_at <= ${moment}
          and ${admits('i', 's')}
          and case
            when f.reachable_at is not null then f.reachable_at > ${moment}
            when f.state = 'failed' then f.last_failed_at > ${moment}
            when f.state = 'quarantined' then exists (
              select from artifact a
              where a.tenant = $1 and a.interaction_id = f.interaction_id and a.created_at > ${moment})
            else f.state <> 'erased'
          end
        order by i.captured_at
        limit 100`;

/** Counts tombstones: how many of these records were there already at that moment, nothing that is kept could tell. */
export const erasedSince = (moment: string): string => `
        select jsonb_build_object(
          'erased', count(*) filter (where e.scope = 'customer'),
          'by_age', count(*) filter (where e.scope = 'retention'))
        from erasure e
        join tombstone t on t.tenant = $1 and t.erasure_id = e.erasure_id
        where e.tenant = $1 and t.erased_at > ${moment}::timestamptz
          and ($2::text is null or e.customer_key = $2 or e.customer_key is null)`;
