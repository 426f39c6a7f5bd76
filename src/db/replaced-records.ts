import { admits, fenceOfRecord } from './fence.ts';
import { run, type Queryable } from './pools.ts';
import { servedBy } from './served.ts';

/** Gives a record that lost its row of state one: in work, as of when it was accepted; none behind the fence. */
export async function reviveFreshness(db: Queryable, tenant: string, interactionId: string): Promise<void> {
  const statement = {
    name: 'revive_freshness',
    text: `
      with ${fenceOfRecord('$2')}
      insert into freshness (
        tenant, interaction_id, session_id, customer_key, modality, state, captured_at, accepted_at, pieces_total)
      select $1, interaction_id, session_id, customer_key, modality, 'processing', captured_at, accepted_at,
        case modality when 'screenshot' then 2 else 1 end
      from record, fence
      where ${admits('record')}
      on conflict (tenant, interaction_id) do nothing`,
  };
  await run(db, statement, [tenant, interactionId]);
}

/**
 * Settles a record by what it now has, whatever state it was in, as the end of its first processing would: nothing
 * changes while a piece or a reachable vector lacks, and the moment when it first became reachable stays.
 *
 * @param pieces how many artifacts it has when it is whole; null leaves the number as it is.
 */
export async function settleAgain(
  db: Queryable,
  tenant: string,
  interactionId: string,
  pieces: number | null,
  indexVersion: number,
): Promise<void> {
  const statement = {
    name: 'settle_again',
    text: `
      with piece as (
        select
          kind, piece,
          bool_or(state = 'active') as active,
          bool_or(state in ('quarantined', 'discarded')) as quarantined,
          min(reason) as reason
        from artifact
        where tenant = $1 and interaction_id = $2::uuid and state not in ('superseded', 'staged')
        group by kind, piece
      ), record as (
        select
          count(*) as pieces,
          bool_or(active) as active,
          bool_or(quarantined) as quarantined,
          min(reason) filter (where not active) as reason,
          coalesce(array_agg(distinct kind) filter (where not active and not quarantined), '{}') as failed_kinds
        from piece
      ), outcome as (
        select
          case when active then 'reachable' when quarantined then 'quarantined' else 'failed' end as state,
          reason, active, pieces,
          case when active then failed_kinds else '{}' end as degraded
        from record
        where pieces > 0 and not exists (
          select
          from chunk c
          join artifact a on a.tenant = $1 and a.artifact_id = c.artifact_id and a.state = 'active'
          left join embedding e on e.index_version = $4 and e.tenant = $1 and e.chunk_id = c.chunk_id
          where c.tenant = $1 and c.interaction_id = $2 and ${servedBy('$4')} and e.reachable_at is null)
      )
      update freshness f set
        state = outcome.state,
        reason = outcome.reason,
        degraded = outcome.degraded,
        pieces_total = coalesce($3::integer, f.pieces_total),
        picked_up_at = coalesce(f.picked_up_at, clock_timestamp()),
        text_reachable_at = case when active then coalesce(f.text_reachable_at, clock_timestamp()) end,
        reachable_at = case when active then coalesce(f.reachable_at, clock_timestamp()) end
      from outcome
      where f.tenant = $1 and f.interaction_id = $2 and f.state <> 'erased'
        and outcome.pieces >= coalesce($3, f.pieces_total)
        and (f.state, f.reason, f.degraded, f.pieces_total, f.reachable_at is not null) is distinct from
          (outcome.state, outcome.reason, outcome.degraded, coalesce($3, f.pieces_total), active)`,
  };
  await run(db, statement, [tenant, interactionId, pieces, indexVersion]);
}
