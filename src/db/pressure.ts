import type { Modality } from '../domain/interaction.ts';
import type { Overloads } from '../domain/overload-lasts.ts';
import type { Pressure, PressureStep } from '../domain/pressure.ts';
import { only, run, type Queryable } from './pools.ts';

export interface PressureRow {
  readonly step: PressureStep;
  readonly since: Date;
  readonly cause_tenant: string | null;
  readonly cause_modality: Modality | null;
  readonly cause_minutes: number | null;
  readonly calm_since: Date | null;
  readonly overloads: Overloads;
  readonly decided_at: Date | null;
  /** Since it was last decided on; null when it never was. */
  readonly decided_ms_ago: number | null;
}

/** The step that is taken, and why. */
export async function findPressure(db: Queryable): Promise<PressureRow> {
  const statement = {
    name: 'find_pressure',
    text: `
      select
        step, since, cause_tenant, cause_modality, cause_minutes, calm_since, overloads,
        nullif(decided_at, '-infinity') as decided_at,
        case when decided_at > '-infinity' then extract(epoch from now() - decided_at)::double precision * 1000 end
          as decided_ms_ago
      from pressure`,
  };
  return only(await run<PressureRow>(db, statement, []));
}

/**
 * Takes the next sample for the one who asks first; the others, and who asks too early, are told no. One who is lost with
 * it costs one sample.
 */
export async function claimSample(db: Queryable, everyMs: number): Promise<Date | undefined> {
  const statement = {
    name: 'claim_sample',
    // A little early is not too early: timers of several processes do not tick together.
    text: `
      update pressure set sampled_at = now()
      where sampled_at <= now() - $1::double precision * 0.9 * interval '1 ms'
      returning sampled_at`,
  };
  const rows = await run<{ sampled_at: Date }>(db, statement, [everyMs]);
  return rows[0]?.sampled_at;
}

/** Writes down what was decided, and that it was changed if it was. */
export async function decidePressure(db: Queryable, before: Pressure, after: Pressure): Promise<void> {
  const statement = {
    name: 'decide_pressure',
    text: `
      with changed as (
        insert into pressure_change (changed_at, from_step, to_step, cause_tenant, cause_modality, cause_minutes)
        select $2::timestamptz, $7, $1, $3, $4, $5::double precision
        where $1 <> $7
        on conflict do nothing
      )
      update pressure set
        decided_at = now(), step = $1, since = $2::timestamptz, cause_tenant = $3, cause_modality = $4,
        cause_minutes = $5::double precision, calm_since = $6::timestamptz, overloads = $8::jsonb`,
  };
  const { step, since, cause, calmSince } = after;
  await run(db, statement, [
    step,
    new Date(since),
    cause?.tenant ?? null,
    cause?.modality ?? null,
    cause?.minutes ?? null,
    calmSince === null ? null : new Date(calmSince),
    before.step,
    JSON.stringify(after.overloads),
  ]);
}
