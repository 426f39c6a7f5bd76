import { CAPTION_DEFERRED } from '../domain/errors.ts';
import { admits } from './fence.ts';
import { run, type Queryable } from './pools.ts';

/**
 * Screenshots whose caption gave way under pressure, the longest ago first. Left out is what a fence covers, and what a
 * workflow is at work on: that makes the caption itself, or lets it give way again.
 */
export async function listDeferredCaptions(db: Queryable, tenant: string, limit: number): Promise<string[]> {
  const statement = {
    name: 'list_deferred_captions',
    text: `
      select a.interaction_id
      from artifact a
      join interaction i on i.tenant = $1 and i.interaction_id = a.interaction_id
      join subject owner on owner.tenant = $1 and owner.customer_key = i.customer_key
      join freshness f on f.tenant = $1 and f.interaction_id = a.interaction_id
      where a.tenant = $1 and a.state = 'failed' and a.reason = '${CAPTION_DEFERRED}'
        and f.state in ('reachable', 'quarantined', 'failed')
        and ${admits('i', 'owner')}
      order by a.failed_at
      limit $2`,
  };
  const rows = await run<{ interaction_id: string }>(db, statement, [tenant, limit]);
  return rows.map(({ interaction_id }) => interaction_id);
}

/** Forgets that a record's caption gave way. */
export async function forgetDeferral(db: Queryable, tenant: string, interactionId: string): Promise<void> {
  const statement = {
    name: 'forget_deferral',
    text: `
      delete from artifact
      where tenant = $1 and interaction_id = $2::uuid and state = 'failed' and reason = '${CAPTION_DEFERRED}'`,
  };
  await run(db, statement, [tenant, interactionId]);
}
