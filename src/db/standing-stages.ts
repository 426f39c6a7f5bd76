import type { Modality } from '../domain/interaction.ts';
import type { Stage } from '../domain/stage-budget.ts';
import { only, run, type Queryable } from './pools.ts';
import { ofRealCustomers } from './real-customers.ts';

export interface StandingStageRow {
  readonly modality: Modality;
  readonly stage: Exclude<Stage, 'ingest'>;
  /** Since the record that stands longest there came into it, or last got on in it. */
  readonly oldest_ms: number;
  /** Since the oldest record of these was captured. */
  readonly oldest_total_ms: number;
}

/**
 * Where records that wait stand, by the index of what waits. A vector is no end of the transformation while pieces are
 * missing; what waits for a paused source waits for its model.
 */
export async function standingStages(reader: Queryable, tenant: string): Promise<StandingStageRow[]> {
  const statement = {
    name: 'standing_stages',
    text: `
      with waiting as (
        select
          modality, captured_at,
          case
            when waits_for is not null then 'transform'
            when picked_up_at is null then 'stream'
            when transformed_at is null or (
              select count(distinct (a.kind, a.piece))
              from artifact a
              where a.tenant = $1 and a.interaction_id = f.interaction_id and a.state not in ('superseded', 'staged')
            ) < pieces_total then 'transform'
            else 'index'
          end as stage,
          coalesce(transformed_at, picked_up_at, accepted_at) as since
        from freshness f
        where tenant = $1 and state in ('accepted', 'processing') and ${ofRealCustomers('customer_key')}
      )
      select
        modality, stage,
        (extract(epoch from now() - min(since)) * 1000)::float8 as oldest_ms,
        (extract(epoch from now() - min(captured_at)) * 1000)::float8 as oldest_total_ms
      from waiting
      group by modality, stage`,
  };
  return run<StandingStageRow>(reader, statement, [tenant]);
}

/** Says of messages whose batch takes long that they were taken, and when. */
export async function stampPickedUp(
  db: Queryable,
  tenant: string,
  interactionIds: readonly string[],
  pickedUpAt: Date,
): Promise<void> {
  const statement = {
    name: 'stamp_picked_up',
    text: `
      update freshness set state = 'processing', picked_up_at = coalesce(picked_up_at, $3)
      where tenant = $1 and interaction_id = any($2::uuid[]) and state = 'accepted'`,
  };
  await run(db, statement, [tenant, interactionIds, pickedUpAt]);
}

/** What became of records that were accepted within a window. */
export interface OutcomeRow {
  readonly settled: number;
  readonly held_back: number;
  readonly failed: number;
}

export async function outcomesWithin(reader: Queryable, tenant: string, windowMs: number): Promise<OutcomeRow> {
  const statement = {
    name: 'outcomes_within',
    text: `
      select
        (count(*) filter (where state in ('reachable', 'quarantined', 'failed')))::integer as settled,
        (count(*) filter (where state = 'quarantined'))::integer as held_back,
        (count(*) filter (where state = 'failed'))::integer as failed
      from freshness
      where tenant = $1 and accepted_at > now() - $2::double precision * interval '1 ms'
        and ${ofRealCustomers('customer_key')}`,
  };
  return only(await run<OutcomeRow>(reader, statement, [tenant, windowMs]));
}

/**
 * How long it took at the longest to be back within budget, in minutes: the longest stretch of minutes in which records,
 * accepted within a window, became reachable past their budget, with no minute between them without one. While all
 * workers are away nothing becomes reachable, so the stretch begins when they are back.
 */
export async function longestRecovery(
  reader: Queryable,
  tenant: string,
  windowMs: number,
  budgets: Readonly<Record<Modality, number>>,
  lateAfterMs: number,
): Promise<number> {
  const statement = {
    name: 'longest_recovery',
    text: `
      with late as (
        select distinct floor(extract(epoch from reachable_at) / 60)::bigint as minute
        from freshness
        where tenant = $1 and accepted_at > now() - $2::double precision * interval '1 ms' and reachable_at is not null
          and released_at is null and accepted_at - captured_at <= $4::double precision * interval '1 ms'
          and reachable_at - captured_at > ($3::jsonb ->> modality)::double precision * interval '1 ms'
          and ${ofRealCustomers('customer_key')}
      ), stretch as (
        -- Minutes in a row have the same difference to their rank.
        select count(*) as minutes
        from (select minute - row_number() over (order by minute) as island from late) as placed
        group by island
      )
      select coalesce(max(minutes), 0)::integer as minutes from stretch`,
  };
  const values = [tenant, windowMs, JSON.stringify(budgets), lateAfterMs];
  return only(await run<{ minutes: number }>(reader, statement, values)).minutes;
}
