import { admits, fenceOfRecord } from './fence.ts';
import { only, run, type Queryable } from './pools.ts';
import type { Replacement } from './replaced-artifacts.ts';

/**
 * Artifacts that were made anew for one index version, until it is decided: `shown_in` the version are the new ones,
 * staged for all else; `hidden_in` it are those that they stand for. Their chunks say the same for the read path.
 */

/**
 * Has one index version serve what was made, and all others what there was. Answers whether the fence let it through,
 * and whether the version is still being built: one that is given up meanwhile is shown nothing.
 */
export async function showInVersion(
  db: Queryable,
  { tenant, interactionId, madeIds, kinds, artifactIds }: Omit<Replacement, 'redactor'>,
  indexVersion: number,
): Promise<{ readonly admitted: boolean; readonly building: boolean }> {
  const statement = {
    name: 'show_in_version',
    text: `
      with ${fenceOfRecord('$2')}, building as materialized (
        select index_version from index_version where index_version = $6 and state = 'building' for share
      ), admitted as materialized (
        select record.interaction_id
        from record, fence, building
        where ${admits('record')}
      ), made as (
        update artifact set state = 'staged', superseded_at = null, shown_in = $6, hidden_in = null
        from admitted
        where tenant = $1 and artifact_id = any($3::uuid[]) and state in ('staged', 'superseded', 'failed')
      ), old as (
        update artifact a set hidden_in = $6
        from admitted
        where a.tenant = $1 and a.interaction_id = $2 and a.kind = any($4::text[])
          and not a.artifact_id = any($5::uuid[]) and a.state in ('active', 'quarantined', 'failed')
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
      select exists (select from admitted) as admitted, exists (select from building) as building`,
  };
  const values = [tenant, interactionId, madeIds, kinds, artifactIds, indexVersion];
  return only(await run<{ admitted: boolean; building: boolean }>(db, statement, values));
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
      select a.interaction_id, decided.index_version, decided.decision
      from artifact a
      join decided on decided.index_version = a.shown_in
      where a.tenant = $1 and a.shown_in is not null
      union
      select a.interaction_id, decided.index_version, decided.decision
      from artifact a
      join decided on decided.index_version = a.hidden_in
      where a.tenant = $1 and a.hidden_in is not null
      limit $2`,
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
        update artifact set state = 'superseded', superseded_at = clock_timestamp(), hidden_in = null
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
 * Makes what a version hid what the record has again. What it showed is deleted with its lineage; if it was ever live,
 * recorded answers name it, and it is superseded instead, as of when the version last ceased to be.
 */
export async function giveUpVersionTexts(
  db: Queryable,
  tenant: string,
  { interaction_id: interactionId, index_version: indexVersion }: DecidedRecord,
): Promise<void> {
  const statement = {
    name: 'give_up_version_texts',
    text: `
      with period as materialized (
        select min(live_from) as live_from, coalesce(max(live_to), clock_timestamp()) as live_to
        from index_version_period
        where index_version = $3
        having count(*) > 0
      ), shown_again as (
        update chunk set hidden_in = null where tenant = $1 and interaction_id = $2::uuid and hidden_in = $3
      ), restored as (
        update artifact set hidden_in = null where tenant = $1 and interaction_id = $2 and hidden_in = $3
      ), withdrawn as (
        update chunk c set
          active = false, shown_in = null, activated_at = period.live_from, withdrawn_at = period.live_to
        from period
        where c.tenant = $1 and c.interaction_id = $2 and c.shown_in = $3
      ), superseded as (
        update artifact a set state = 'superseded', superseded_at = clock_timestamp(), shown_in = null
        from period
        where a.tenant = $1 and a.interaction_id = $2 and a.shown_in = $3
      ), deleted as (
        delete from artifact
        where tenant = $1 and interaction_id = $2 and shown_in = $3 and not exists (select from period)
        returning artifact_id
      ), cut as materialized (
        select chunk_id from chunk where tenant = $1 and artifact_id in (select artifact_id from deleted)
      )
      delete from lineage_edge l
      where l.tenant = $1 and l.interaction_id = $2 and (
        l.to_id in (select artifact_id from deleted)
        or l.from_id in (select artifact_id from deleted)
        or l.from_id in (select chunk_id from cut))`,
  };
  await run(db, statement, [tenant, interactionId, indexVersion]);
}
