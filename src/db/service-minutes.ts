import type { ServiceKind } from '../domain/service.ts';
import { only, run, type Queryable } from './pools.ts';

/** What a process has answered within a minute. */
export interface ServiceMinute {
  readonly minute: Date;
  readonly kind: ServiceKind | 'alive';
  readonly requests: number;
  readonly failed: number;
  /** Requests by the bucket of their latency (src/domain/service.ts). */
  readonly took: ReadonlyMap<number, number>;
}

/** Writes the minutes of a process whole, so that writing them again is harmless, and forgets old ones. */
export async function writeServiceMinutes(
  db: Queryable,
  tenant: string,
  processId: string,
  minutes: readonly ServiceMinute[],
  keepDays: number,
): Promise<void> {
  const statement = {
    name: 'write_service_minutes',
    text: `
      with forgotten as (
        delete from service_minute
        where tenant = $1 and minute < now() - $8::double precision * interval '1 day'
      )
      insert into service_minute (tenant, minute, process_id, kind, requests, failed, took)
      select $1, minute, $2::uuid, kind, requests, failed, (
        select coalesce(array_agg(value::integer), '{}') from jsonb_array_elements_text(took) as value)
      from unnest($3::timestamptz[], $4::text[], $5::integer[], $6::integer[], $7::jsonb[])
        as counted (minute, kind, requests, failed, took)
      on conflict (tenant, minute, process_id, kind) do update set
        requests = excluded.requests, failed = excluded.failed, took = excluded.took`,
  };
  await run(db, statement, [
    tenant,
    processId,
    minutes.map(({ minute }) => minute),
    minutes.map(({ kind }) => kind),
    minutes.map(({ requests }) => requests),
    minutes.map(({ failed }) => failed),
    minutes.map(({ took }) => JSON.stringify([...took].flat())),
    keepDays,
  ]);
}

export interface ServiceRow {
  readonly kind: ServiceKind;
  readonly requests: number;
  readonly failed: number;
  /** Pairs of a bucket and how many requests it had. */
  readonly took: readonly (readonly [number, number])[];
}

/** How requests were answered within a window, over all processes. */
export async function serviceWithin(reader: Queryable, tenant: string, windowMs: number): Promise<ServiceRow[]> {
  const statement = {
    name: 'service_within',
    text: `
      with seen as materialized (
        select kind, requests, failed, took
        from service_minute
        where tenant = $1 and minute > now() - $2::double precision * interval '1 ms' and kind <> 'alive'
      ), bucket as (
        -- Pairs follow each other: a bucket, then its count.
        select kind, took[2 * pair - 1] as bucket, sum(took[2 * pair])::float8 as count
        from seen
        cross join generate_series(1, cardinality(took) / 2) as pair
        group by 1, 2
      )
      select
        kind, sum(requests)::float8 as requests, sum(failed)::float8 as failed,
        coalesce((
          select jsonb_agg(jsonb_build_array(b.bucket, b.count)) from bucket b where b.kind = seen.kind
        ), '[]') as took
      from seen
      group by kind`,
  };
  return run<ServiceRow>(reader, statement, [tenant, windowMs]);
}

export interface AliveRow {
  /** Full minutes since the first that is known within the window. */
  readonly minutes: number;
  /** Of these, minutes in which a process of the API was there. */
  readonly alive: number;
}

/** Whether somebody was there to answer. */
export async function aliveWithin(reader: Queryable, tenant: string, windowMs: number): Promise<AliveRow> {
  const statement = {
    name: 'alive_within',
    text: `
      with known as materialized (
        select distinct minute
        from service_minute
        where tenant = $1 and minute > now() - $2::double precision * interval '1 ms'
          and minute < date_trunc('minute', now()) and kind = 'alive'
      )
      select
        coalesce(extract(epoch from date_trunc('minute', now()) - min(minute)) / 60, 0)::integer as minutes,
        count(*)::integer as alive
      from known`,
  };
  return only(await run<AliveRow>(reader, statement, [tenant, windowMs]));
}
