import { CAPTION_DEFERRED } from '../domain/errors.ts';
import { run, type Queryable } from './pools.ts';
import { ofRealCustomers } from './real-customers.ts';

/** A record, or a part of one, that a new version will not have, and why. */
export interface NotCarriedRow {
  readonly interaction_id: string;
  readonly modality: string;
  readonly kind: string;
  readonly state: 'quarantined' | 'failed' | 'no_raw_object';
  readonly reason: string | null;
  /** Of all such rows, also those beyond the limit. */
  readonly total: number;
}

/**
 * What a new version will not have: what no version has, because it was held back or could not be made; and, when it is
 * made from the raw bytes, what has none.
 */
export async function listNotCarried(
  db: Queryable,
  tenant: string,
  source: 'text' | 'raw',
  limit: number,
): Promise<NotCarriedRow[]> {
  const statement = {
    name: 'list_not_carried',
    text: `
      with left_behind as (
        select a.interaction_id, i.modality, a.kind, a.state, a.reason
        from artifact a
        join interaction i on i.tenant = $1 and i.interaction_id = a.interaction_id
        where a.tenant = $1 and ${ofRealCustomers('a.customer_key')} and a.state in ('quarantined', 'failed')
          -- A piece that another attempt has made is not missing.
          and not exists (
            select
            from artifact b
            where b.tenant = $1 and b.interaction_id = a.interaction_id and b.kind = a.kind and b.piece = a.piece
              and b.state = 'active')
          -- It gave way under pressure, and is made for each version that is there then.
          and a.reason is distinct from '${CAPTION_DEFERRED}'
        union all
        select i.interaction_id, i.modality, 'raw', 'no_raw_object', null
        from interaction i
        where i.tenant = $1 and ${ofRealCustomers('i.customer_key')} and $2 = 'raw' and i.modality <> 'chat' and i.raw_object is null
      )
      select *, (count(*) over ())::integer as total
      from left_behind
      order by interaction_id, kind
      limit $3`,
  };
  return run<NotCarriedRow>(db, statement, [tenant, source, limit]);
}
