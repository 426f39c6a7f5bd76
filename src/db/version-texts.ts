import { run, type TenantDatabase } from './pools.ts';

/**
 * Texts that were recognised anew for an index version, once it is decided: `shown_in` the version are the new ones,
 * `hidden_in` it those that they stand for.
 */

/** Versions whose own texts wait for a decision that has been taken: it is live alone, or it was given up. */
export async function settleVersionTexts(database: TenantDatabase): Promise<void> {
  const { tenant } = database;
  await database.transaction(async (transaction) => {
    await run(transaction, KEEP, [tenant]);
    await run(transaction, GIVE_UP, [tenant]);
  });
}

/**
 * A live version with none to go back to keeps its texts for good. The old ones were served until it went live; an
 * artifact is superseded when none of its texts is left.
 */
const KEEP = {
  name: 'keep_version_texts',
  text: `
    with decided as materialized (
      select v.index_version, period.live_from
      from index_version v
      join lateral (
        select max(live_from) as live_from from index_version_period p where p.index_version = v.index_version
      ) as period on true
      where v.state = 'live' and not exists (select from index_version o where o.state = 'retired')
    ), withdrawn as (
      update chunk c set active = false, withdrawn_at = coalesce(c.withdrawn_at, decided.live_from), hidden_in = null
      from decided
      where c.tenant = $1 and c.hidden_in = decided.index_version
      returning c.chunk_id, c.artifact_id
    ), superseded as (
      update artifact a set state = 'superseded', superseded_at = clock_timestamp()
      where a.tenant = $1 and a.state = 'active' and a.artifact_id in (select artifact_id from withdrawn)
        and not exists (
          select
          from chunk c
          where c.tenant = $1 and c.artifact_id = a.artifact_id and c.active
            and c.chunk_id not in (select chunk_id from withdrawn))
    ), kept as (
      update chunk c set shown_in = null, activated_at = decided.live_from
      from decided
      where c.tenant = $1 and c.shown_in = decided.index_version
      returning c.artifact_id
    )
    update artifact a set state = 'active'
    where a.tenant = $1 and a.state = 'staged' and a.artifact_id in (select artifact_id from kept)`,
};

/** A version that was given up takes its texts with it, and the artifacts that were made for it alone. */
const GIVE_UP = {
  name: 'give_up_version_texts',
  text: `
    with given_up as materialized (
      select index_version from index_version where state = 'dropped'
    ), shown_again as (
      update chunk c set hidden_in = null
      from given_up
      where c.tenant = $1 and c.hidden_in = given_up.index_version
    ), deleted as (
      delete from chunk c
      using given_up
      where c.tenant = $1 and c.shown_in = given_up.index_version
      returning c.chunk_id, c.artifact_id
    ), forgotten as (
      delete from artifact a
      where a.tenant = $1 and a.artifact_id in (select artifact_id from deleted)
        and not exists (
          select
          from chunk c
          where c.tenant = $1 and c.artifact_id = a.artifact_id and c.chunk_id not in (select chunk_id from deleted))
      returning a.artifact_id
    )
    delete from lineage_edge e
    where e.tenant = $1
      and (e.to_id in (select chunk_id from deleted) or e.from_id in (select chunk_id from deleted)
        or e.to_id in (select artifact_id from forgotten))`,
};
