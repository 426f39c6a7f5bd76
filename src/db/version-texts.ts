import { admits, fenceOfRecord } from './fence.ts';
import { only, run, type Queryable } from './pools.ts';
import type { Replacement } from './replaced-artifacts.ts';
import { showsItsOwn } from './served.ts';

/**
 * Artifacts that were made anew for one index version, until it is decided: `shown_in` the version are the new ones,
 * staged for all else; `hidden_in` it are those that they stand for. Their chunks say the same for the read path.
 */

/**
 * Has one index version serve what was made, and all others what there was, unless the version was given up meanwhile,
 * or a workflow took the record up.
 */
export async function showInVersion(
  db: Queryable,
  { tenant, interactionId, madeIds, kinds, artifactIds }: Omit<Replacement, 'redactor'>,
  indexVersion: number,
): Promise<Shown> {
  const statement = {
    name: 'show_in_version',
    text: `
      with ${fenceOfRecord('$2')}, building as materialized (
        select index_version from index_version where index_version = $6 and state = 'building' for share
      ), settled as materialized (
        select interaction_id
        from freshness
        where tenant = $1 and interaction_id = $2 and state not in ('accepted', 'processing')
        for share
      ), admitted as materialized (
        select record.interaction_id
        from record
        join settled using (interaction_id)
        cross join fence
        cross join building
        where ${admits('record')}
      ), made as (
        update artifact set state = 'staged', superseded_at = null, shown_in = $6, hidden_in = null
        from admitted
        where tenant = $1 and artifact_id = any($3::uuid[]) and state in ('staged', 'superseded', 'failed')
      ), earlier as (
        -- Of an attempt by logic that has changed since.
        update artifact a set shown_in = null
        from admitted
        where a.tenant = $1 and a.interaction_id = $2 and a.kind = any($4::text[]) and a.shown_in = $6
          and not a.artifact_id = any($5::uuid[])
        returning a.artifact_id
      ), taken_back as (
        update chunk c set active = false, activated_at = null, shown_in = null
        from earlier
        where c.tenant = $1 and c.artifact_id = earlier.artifact_id
      ), old as (
        update artifact a set hidden_in = $6
        from admitted
        where a.tenant = $1 and a.interaction_id = $2 and a.kind = any($4::text[])
          and not a.artifact_id = any($5) and a.state in ('active', 'quarantined', 'failed')
        returning a.artifact_id
      ), shown as (
        update chunk c set
          active = true, activated_at = clock_timestamp(), withdrawn_at = null, shown_in = $6, hidden_in = null
        from admitted
        where c.tenant = $1 and c.artifact_id = any($3)
      ), hidden as (
        update chunk c set hidden_in = $6
        from old
        where c.tenant = $1 and c.artifact_id = old.artifact_id
      )
      select exists (select from record, fence where ${admits('record')}) as admitted,
        exists (select from building) as building, exists (select from settled) as settled`,
  };
  const values = [tenant, interactionId, madeIds, kinds, artifactIds, indexVersion];
  return only(await run<Shown>(db, statement, values));
}

/** What the showing of artifacts in a version depends on: they are shown when all of it is true. */
interface Shown {
  /** The fence lets the record through. */
  readonly admitted: boolean;
  /** The version has not been given up. */
  readonly building: boolean;
  /** No workflow is at work on the record. */
  readonly settled: boolean;
}

/** Whether an index version that may yet be given up shows artifacts of its own of a record. */
export async function isUndecided(db: Queryable, tenant: string, interactionId: string): Promise<boolean> {
  const statement = {
    name: 'is_undecided',
    text: `select ${showsItsOwn('$2::uuid')} as undecided`,
  };
  return only(await run<{ undecided: boolean }>(db, statement, [tenant, interactionId])).undecided;
}

/** How many of these artifacts a version does not show. */
export async function countNotShown(
  db: Queryable,
  tenant: string,
  artifactIds: readonly string[],
  indexVersion: number,
): Promise<number> {
  const statement = {
    name: 'count_not_shown',
    text: `
      select cardinality($2::uuid[]) - count(*)::integer as artifacts
      from artifact
      where tenant = $1 and artifact_id = any($2) and shown_in = $3`,
  };
  return only(await run<{ artifacts: number }>(db, statement, [tenant, artifactIds, indexVersion])).artifacts;
}

/** A record with artifacts of a version about which all is decided. */
export interface DecidedRecord {
  readonly interaction_id: string;
  readonly index_version: number;
  /** `keep`: it is live and none can be gone back to. `give_up`: it is no more. */
  readonly decision: 'keep' | 'give_up';
}

/** Up to twice as many as the limit; none when none is left. */
export async function decidedRecords(db: Queryable, tenant: string, limit: number): Promise<DecidedRecord[]> {
  const statement = {
    name: 'decided_records',
    text: `
      with decided as materialized (
        select index_version, case state when 'live' then 'keep' else 'give_up' end as decision
        from index_version v
        where v.state = 'dropped'
          or v.state = 'live' and not exists (select from index_version o where o.state = 'retired')
      )
      (
        select a.interaction_id, decided.index_version, decided.decision
        from artifact a
        join decided on decided.index_version = a.shown_in
        where a.tenant = $1 and a.shown_in is not null
        limit $2
      )
      union
      (
        select a.interaction_id, decided.index_version, decided.decision
        from artifact a
        join decided on decided.index_version = a.hidden_in
        where a.tenant = $1 and a.hidden_in is not null
        limit $2
      )`,
  };
  return run<DecidedRecord>(db, statement, [tenant, limit]);
}

/** Makes what a version shows what the record has, as of when the version went live; the old is superseded. */
export async function keepVersionTexts(
  db: Queryable,
  tenant: string,
  { interaction_id: interactionId, index_version: indexVersion }: DecidedRecord,
): Promise<void> {
  const statement = {
    name: 'keep_version_texts',
    text: `
      with period as materialized (
        select max(live_from) as live_from from index_version_period where index_version = $3
      ), withdrawn as (
        update chunk c set
          active = false, withdrawn_at = coalesce(c.withdrawn_at, period.live_from), hidden_in = null
        from period
        where c.tenant = $1 and c.interaction_id = $2::uuid and c.hidden_in = $3
      ), superseded as (
        -- An operator's word on the old stands, should the same be made again.
        update artifact set
          state = case when state = 'discarded' then state else 'superseded' end,
          superseded_at = clock_timestamp(),
          hidden_in = null
        where tenant = $1 and interaction_id = $2 and hidden_in = $3
      ), kept as (
        update chunk c set shown_in = null, activated_at = period.live_from
        from period
        where c.tenant = $1 and c.interaction_id = $2 and c.shown_in = $3
      )
      update artifact set state = 'active', shown_in = null
      where tenant = $1 and interaction_id = $2 and shown_in = $3`,
  };
  await run(db, statement, [tenant, interactionId, indexVersion]);
}

/**
 * Makes what a version hid what the record has again. What it showed is superseded, or failed if it was before: it is
 * dropped with all that was, unless a legal hold keeps it. If the version was ever live, the chunks keep what they say of
 * it: it is what was served then.
 */
export async function giveUpVersionTexts(
  db: Queryable,
  tenant: string,
  { interaction_id: interactionId, index_version: indexVersion }: DecidedRecord,
): Promise<void> {
  const statement = {
    name: 'give_up_version_texts',
    text: `
      with restored as (
        update artifact set hidden_in = null where tenant = $1 and interaction_id = $2::uuid and hidden_in = $3
      ), superseded as (
        update artifact set
          state = case when failed_at is null then 'superseded' else 'failed' end,
          superseded_at = clock_timestamp(),
          shown_in = null
        where tenant = $1 and interaction_id = $2 and shown_in = $3
      ), was_live as materialized (
        select max(live_to) as live_to from index_version_period where index_version = $3 having count(*) > 0
      ), ended as (
        update chunk c set active = false, withdrawn_at = was_live.live_to
        from was_live
        where c.tenant = $1 and c.interaction_id = $2 and c.shown_in = $3
      ), never_served as (
        update chunk set active = false, activated_at = null, shown_in = null
        where tenant = $1 and interaction_id = $2 and shown_in = $3 and not exists (select from was_live)
      )
      update chunk set hidden_in = null
      where tenant = $1 and interaction_id = $2 and hidden_in = $3 and not exists (select from was_live)`,
  };
  await run(db, statement, [tenant, interactionId, indexVersion]);
}
