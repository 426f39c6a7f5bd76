import { only, run, type Queryable } from './pools.ts';

export interface WaitingEvent {
  readonly event_id: string;
  readonly event: object;
}

/** Keeps events until they are sent, in their order. */
export async function keepEvents(db: Queryable, tenant: string, events: readonly object[]): Promise<void> {
  const statement = {
    name: 'keep_lineage_events',
    text: `
      insert into lineage_event (tenant, event)
      select $1, given.event
      from unnest($2::jsonb[]) with ordinality as given (event, position)
      order by given.position`,
  };
  await run(db, statement, [tenant, events.map((event) => JSON.stringify(event))]);
}

/**
 * Takes the oldest events for `leaseMs`, if no other process is sending the tenant's: events of a run should arrive in
 * their order. A process that dies with them leaves them to the next when the lease ends, so an event may come twice.
 */
export async function claimEvents(
  db: Queryable,
  tenant: string,
  limit: number,
  leaseMs: number,
): Promise<WaitingEvent[]> {
  const statement = {
    name: 'claim_lineage_events',
    text: `
      with oldest as (
        select event_id
        from lineage_event
        where tenant = $1
          and not exists (select from lineage_event other where other.tenant = $1 and other.claimed_until > now())
        order by event_id
        limit $2
        for update skip locked
      ), claimed as (
        update lineage_event e set claimed_until = now() + $3::double precision * interval '1 ms'
        from oldest
        where e.tenant = $1 and e.event_id = oldest.event_id
        returning e.event_id, e.event
      )
      select event_id::text as event_id, event from claimed order by claimed.event_id`,
  };
  return run<WaitingEvent>(db, statement, [tenant, limit, leaseMs]);
}

/** Lets go of what was claimed: `done` was sent or refused for good, the rest waits on. */
export async function releaseEvents(
  db: Queryable,
  tenant: string,
  claimed: readonly string[],
  done: readonly string[],
): Promise<void> {
  const statement = {
    name: 'release_lineage_events',
    text: `
      with sent as (
        delete from lineage_event where tenant = $1 and event_id = any($3::bigint[])
      )
      update lineage_event set claimed_until = null
      where tenant = $1 and event_id = any($2::bigint[]) and event_id <> all($3)`,
  };
  await run(db, statement, [tenant, claimed, done]);
}

/** Drops the oldest events beyond `keep`; answers how many. */
export async function dropOldestEvents(db: Queryable, tenant: string, keep: number): Promise<number> {
  const statement = {
    name: 'drop_oldest_lineage_events',
    text: `
      with dropped as (
        delete from lineage_event
        where tenant = $1 and event_id <= (
          select event_id from lineage_event where tenant = $1 order by event_id desc offset $2 limit 1)
        returning 1
      )
      select count(*)::integer as dropped from dropped`,
  };
  return only(await run<{ dropped: number }>(db, statement, [tenant, keep])).dropped;
}
