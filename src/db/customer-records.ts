import type { InteractionState, Modality } from '../domain/interaction.ts';
import { admits } from './fence.ts';
import { only, run, type Queryable } from './pools.ts';
import type { StampColumns } from './stamps.ts';

/** Where one record of a customer stands. */
export interface CustomerRecordRow extends StampColumns {
  readonly interaction_id: string;
  readonly modality: Modality;
  readonly state: InteractionState;
  readonly reason: string | null;
  readonly degraded: string[];
  /** Postgres' own text, to the microsecond: what the next page begins after. */
  readonly captured_text: string;
}

/** The last record of a page. The time is Postgres' own text of it. */
export interface CustomerRecordCursor {
  readonly captured_at: string;
  readonly interaction_id: string;
}

/** A customer's records, newest first; from the moment of a fence none of what it covers. */
export async function listCustomerRecords(
  reader: Queryable,
  tenant: string,
  customerKey: string,
  before: CustomerRecordCursor | null,
  limit: number,
): Promise<CustomerRecordRow[]> {
  const statement = {
    name: 'list_customer_records',
    text: `
      select
        f.interaction_id, f.modality, f.state, f.reason, f.degraded, f.captured_at, i.captured_at::text as captured_text,
        f.accepted_at, f.picked_up_at, f.text_reachable_at, f.transformed_at, f.indexed_at, f.reachable_at
      from interaction i
      join freshness f on f.tenant = $1 and f.interaction_id = i.interaction_id
      join subject s on s.tenant = $1 and s.customer_key = $2
      where i.tenant = $1 and i.customer_key = $2
        and ${admits('i', 's')}
        and i.captured_at <= coalesce($3::timestamptz, 'infinity')
        and ($3 is null or (i.captured_at, i.interaction_id) < ($3, $4::uuid))
      order by i.captured_at desc, i.interaction_id desc
      limit $5`,
  };
  const after = [before?.captured_at ?? null, before?.interaction_id ?? null];
  return run<CustomerRecordRow>(reader, statement, [tenant, customerKey, ...after, limit]);
}

/** All of a customer in numbers. */
export interface CorpusRow {
  readonly records: number;
  readonly waiting: number;
  readonly last_captured_at: Date | null;
  readonly last_reachable_at: Date | null;
}

export async function customerCorpus(reader: Queryable, tenant: string, customerKey: string): Promise<CorpusRow> {
  const statement = {
    name: 'customer_corpus',
    text: `
      select
        count(*)::integer as records,
        (count(*) filter (where f.state in ('accepted', 'processing')))::integer as waiting,
        max(f.captured_at) as last_captured_at,
        max(f.reachable_at) as last_reachable_at
      from interaction i
      join freshness f on f.tenant = $1 and f.interaction_id = i.interaction_id
      join subject s on s.tenant = $1 and s.customer_key = $2
      where i.tenant = $1 and i.customer_key = $2
        and ${admits('i', 's')}`,
  };
  return only(await run<CorpusRow>(reader, statement, [tenant, customerKey]));
}
