import type { Modality } from '../domain/interaction.ts';
import { admits, fenceOfCustomers } from './fence.ts';
import { run, type Queryable } from './pools.ts';
import { ofRealCustomers } from './real-customers.ts';
import { showsItsOwn } from './served.ts';
import type { SessionRow } from './sessions.ts';

/** A record that could not be made, or of which a piece is missing. */
export interface FailureRow {
  readonly interaction_id: string;
  readonly modality: Modality;
  readonly state: 'failed' | 'quarantined' | 'reachable';
  readonly captured_at: Date;
  readonly first_failed_at: Date;
  /** Postgres' own text, to the microsecond: what the next page begins after. */
  readonly last_failed_at: string;
  readonly attempts: number;
  readonly workflow_id: string;
  readonly pieces: readonly {
    readonly kind: string;
    readonly piece: number;
    readonly code: string;
    readonly detail: string | null;
    readonly failedAt: string;
    readonly workflowId: string | null;
    readonly runId: string | null;
  }[];
}

export interface FailureFilter {
  readonly state: 'failed' | 'degraded' | null;
  readonly modality: Modality | null;
  readonly code: string | null;
}

/** Where a walk over the failures stands. The time is Postgres' own text of it. */
export interface FailureCursor {
  readonly last_failed_at: string;
  readonly interaction_id: string;
}

/** Pieces of a record that failed and that no other artifact stands for. */
const FAILED_PIECES = `
  from artifact a
  where a.tenant = f.tenant and a.interaction_id = f.interaction_id and a.state = 'failed'
    and not exists (
      select
      from artifact better
      where better.tenant = a.tenant and better.interaction_id = a.interaction_id and better.kind = a.kind
        and better.piece = a.piece and better.state in ('active', 'quarantined'))`;

/**
 * Records with a failed piece that are done with it, the latest failure first. Of an erased customer's, from the moment
 * of the fence, none.
 */
export async function listFailures(
  reader: Queryable,
  tenant: string,
  filter: FailureFilter,
  before: FailureCursor | null,
  limit: number,
): Promise<FailureRow[]> {
  const statement = {
    name: 'list_failures',
    text: `
      select
        f.interaction_id, f.modality, f.state, f.captured_at, f.first_failed_at, f.last_failed_at::text as last_failed_at,
        f.attempts, s.workflow_id, failed.pieces
      from freshness f
      join session s on s.tenant = $1 and s.session_id = f.session_id
      join subject owner on owner.tenant = $1 and owner.customer_key = f.customer_key
      cross join lateral (
        select
          jsonb_agg(jsonb_build_object(
            'kind', a.kind, 'piece', a.piece, 'code', a.reason, 'detail', a.detail, 'failedAt', a.failed_at,
            'workflowId', a.workflow_id, 'runId', a.run_id) order by a.kind, a.piece) as pieces,
          bool_or($4::text is null or a.reason = $4) as wanted
        ${FAILED_PIECES}
      ) as failed
      where f.tenant = $1 and ${ofRealCustomers('f.customer_key')} and f.last_failed_at is not null and f.state in ('failed', 'quarantined', 'reachable')
        and f.captured_at > coalesce(owner.erased_before, '-infinity')
        and ($2::text is null or ($2 = 'failed') = (f.state = 'failed'))
        and ($3::text is null or f.modality = $3)
        and failed.wanted
        and ($5::timestamptz is null or (f.last_failed_at, f.interaction_id) < ($5, $6::uuid))
      order by f.last_failed_at desc, f.interaction_id desc
      limit $7`,
  };
  const { state, modality, code } = filter;
  const after = [before?.last_failed_at ?? null, before?.interaction_id ?? null];
  return run<FailureRow>(reader, statement, [tenant, state, modality, code, ...after, limit]);
}

/** A record that is to be run again, with the session that does it. */
export interface ReopenedRow extends SessionRow {
  readonly interaction_id: string;
}

/**
 * Has records run again, in one statement: their failed pieces are forgotten, what was taken out of service because its
 * vectors failed comes back into it, the records wait, and their sessions are awake and overdue, so that the sweep
 * rings for them should nobody else. What is there is not touched: it is served on, and no model is asked for it again.
 * A record without a failed piece, one that runs already, and one that the fence refuses are left as they are.
 */
export async function reopenFailed(
  db: Queryable,
  tenant: string,
  interactionIds: readonly string[],
): Promise<ReopenedRow[]> {
  return run<ReopenedRow>(db, REOPEN, [tenant, interactionIds]);
}

const REOPEN = {
  name: 'reopen_failed',
  text: `
    with record as materialized (
      select interaction_id, customer_key, captured_at, key_generation
      from interaction
      where tenant = $1 and interaction_id = any($2::uuid[])
    ), ${fenceOfCustomers('select customer_key from record')}, reopened as (
      update freshness f set state = 'accepted', reason = null, attempts = f.attempts + 1
      from record
      join fence using (customer_key)
      where f.tenant = $1 and f.interaction_id = record.interaction_id
        and f.state in ('failed', 'quarantined', 'reachable')
        and ${admits('record')}
        and exists (select ${FAILED_PIECES})
        -- What stands for the piece in one index version alone may be what the run would make.
        and not ${showsItsOwn('f.interaction_id')}
      returning f.interaction_id, f.session_id
    ), forgotten as (
      delete from artifact
      where tenant = $1 and interaction_id in (select interaction_id from reopened) and state = 'failed'
        and model = 'none'
    ), revived as (
      update artifact a set state = 'active', reason = null, detail = null, failed_at = null
      where a.tenant = $1 and a.interaction_id in (select interaction_id from reopened) and a.state = 'failed'
        and a.model <> 'none'
        and not exists (
          select
          from artifact better
          where better.tenant = $1 and better.interaction_id = a.interaction_id and better.kind = a.kind
            and better.piece = a.piece and better.state in ('active', 'quarantined'))
      returning a.artifact_id
    ), served as (
      update chunk set active = true, activated_at = clock_timestamp(), withdrawn_at = null, shown_in = null
      where tenant = $1 and artifact_id in (select artifact_id from revived) and not active
    ), woken as (
      update session set
        arrivals = arrivals + 1, awake_since = coalesce(awake_since, now()), rings = 0, ring_after = now()
      where tenant = $1 and session_id in (select session_id from reopened)
      returning session_id, channel, customer_key, workflow_id
    )
    select reopened.interaction_id, woken.session_id, woken.channel, woken.customer_key, woken.workflow_id
    from reopened
    join woken using (session_id)`,
};
