import type { ModelSource } from '../domain/model-source.ts';
import { only, run, type Queryable } from './pools.ts';

export interface SlotGrant {
  /** How many of the requests were granted, from the first on. */
  readonly granted: number;
  /** From now to the start of the first, in milliseconds; when none was granted, to when it is worth asking again. */
  readonly wait_ms: number;
}

/**
 * Grants requests in a row, each beginning when the one before has used up its cost, as far as they begin within
 * `aheadMs` from now. The clock is the database's, read once the row is locked, so that all processes agree. A source
 * that was idle saves nothing up: the first begins now.
 *
 * @param costsMs for how long each request keeps the source busy.
 */
export async function grantSlots(
  db: Queryable,
  source: ModelSource,
  costsMs: readonly number[],
  aheadMs: number,
): Promise<SlotGrant> {
  const statement = {
    name: 'grant_slots',
    text: `
      with slot as materialized (
        select free_at from model_slot where source = $1 for update
      ), clock as materialized (
        select free_at, clock_timestamp() as now from slot
      ), moment as materialized (
        select now, greatest(free_at, now) as start from clock
      ), request as materialized (
        select
          cost,
          extract(epoch from moment.start - moment.now) * 1000 + sum(cost) over (order by position) - cost as begins_ms
        from moment
        cross join unnest($2::double precision[]) with ordinality as cost (cost, position)
      ), granted as materialized (
        select count(*)::integer as granted, coalesce(sum(cost), 0) as cost
        from request
        where begins_ms <= $3::double precision
      ), taken as (
        update model_slot set free_at = moment.start + granted.cost * interval '1 ms'
        from moment, granted
        where source = $1 and granted.granted > 0
      )
      select
        granted.granted,
        greatest(0, extract(epoch from moment.start - moment.now) * 1000
          - case when granted.granted > 0 then 0 else $3 end)::float8 as wait_ms
      from moment, granted`,
  };
  return only(await run<SlotGrant>(db, statement, [source, costsMs, aheadMs]));
}

/** Nothing more is sent to a source for so long: its endpoint asked to wait. */
export async function closeSlots(db: Queryable, source: ModelSource, forMs: number): Promise<void> {
  const statement = {
    name: 'close_slots',
    text: `
      update model_slot set free_at = greatest(free_at, clock_timestamp() + $2::double precision * interval '1 ms')
      where source = $1`,
  };
  await run(db, statement, [source, forMs]);
}
