import type { QuarantineReason, RecognisedKind, RecordFacts } from '../domain/quality.ts';
import { EarshotError } from '../domain/errors.ts';
import { only, run, type Queryable } from './pools.ts';
import { ofRealCustomers } from './real-customers.ts';

/**
 * What the checks ask of a record's surroundings. Of several records with the same content the one that was accepted
 * first is the original, unless it was lost. Segments of one call are never copies of each other: music on hold repeats.
 *
 * The skew is the longest of: captured after the call's end; a time shared with another segment; begun before a segment
 * that the channel counts as earlier. Only segments accepted before are compared, so that of two that contradict each
 * other one is held back.
 *
 * @throws EarshotError `erased` when the record is gone.
 */
export async function findRecordFacts(
  db: Queryable,
  tenant: string,
  interactionId: string,
  duplicateWindowMs: number,
): Promise<RecordFacts> {
  const statement = {
    name: 'find_record_facts',
    text: `
      with own as materialized (
        select i.*, s.ended_at
        from interaction i
        join session s on s.tenant = $1 and s.session_id = i.session_id
        where i.tenant = $1 and i.interaction_id = $2::uuid
      )
      select
        (extract(epoch from own.captured_at - own.started_at) * 1000)::float8 as "declaredMs",
        own.duration_ms as "decodedMs",
        greatest(
          0,
          coalesce((extract(epoch from own.captured_at - own.ended_at) * 1000)::float8, 0),
          coalesce((
            select max(extract(epoch from greatest(
              least(own.captured_at, other.captured_at) - greatest(own.started_at, other.started_at),
              case when other.segment_index < own.segment_index then other.started_at - own.started_at
                else own.started_at - other.started_at end)) * 1000)
            from interaction other
            where other.tenant = $1 and other.session_id = own.session_id
              and other.interaction_id <> own.interaction_id and other.started_at is not null
              and other.segment_index <> own.segment_index
              and (other.accepted_at, other.interaction_id) < (own.accepted_at, own.interaction_id)
          )::float8, 0)
        ) as "skewMs",
        exists (
          select
          from interaction other
          join freshness f on f.tenant = $1 and f.interaction_id = other.interaction_id
          where other.tenant = $1 and other.customer_key = own.customer_key and other.content_hash = own.content_hash
            and $3::double precision > 0 and other.captured_at between own.captured_at - $3::double precision * interval '1 ms'
              and own.captured_at + $3::double precision * interval '1 ms'
            and (other.session_id <> own.session_id or other.segment_index is null)
            and (other.accepted_at, other.interaction_id) < (own.accepted_at, own.interaction_id)
            and f.state in ('accepted', 'processing', 'reachable')
        ) as duplicate
      from own`,
  };
  const [facts] = await run<RecordFacts>(db, statement, [tenant, interactionId, duplicateWindowMs]);
  if (facts !== undefined) return facts;
  throw new EarshotError('erased', `record ${interactionId} is not in the log`);
}

/** How often a check held back what was recognised, within a window and before it. */
export interface CheckRate {
  readonly kind: RecognisedKind;
  /** A check, `failed` for what could not be recognised, or `confidence_shift` (see `checkRates`). */
  readonly check: QuarantineReason | 'failed' | 'confidence_shift';
  readonly recognitions: number;
  readonly failed: number;
  readonly baselineRecognitions: number;
  readonly baselineFailed: number;
}

/**
 * Shares of failures by check and kind, within the window that ends now and in the baseline before it. What an operator
 * decided since does not change why it had been held back. `confidence_shift` counts recognitions that are less sure
 * than nine of ten in the baseline: a model that hears worse shows here before anything falls below a threshold.
 */
export async function checkRates(
  db: Queryable,
  tenant: string,
  windowMs: number,
  baselineMs: number,
): Promise<CheckRate[]> {
  const statement = {
    name: 'check_rates',
    text: `
      with made as materialized (
        select a.kind, a.confidence, a.created_at > now() - $2::double precision * interval '1 ms' as recent,
          case when a.state = 'failed' then 'failed'
            when d.artifact_id is not null then d.reason
            when a.state in ('quarantined', 'discarded') then a.reason end as held_back
        from artifact a
        left join quarantine_decision d on d.tenant = $1 and d.artifact_id = a.artifact_id
        where a.tenant = $1 and ${ofRealCustomers('a.customer_key')} and a.kind <> 'message' and a.state not in ('staged', 'superseded')
          and a.created_at > now() - ($2::double precision + $3::double precision) * interval '1 ms'
      ), total as (
        select kind,
          (count(*) filter (where recent))::integer as recognitions,
          (count(*) filter (where not recent))::integer as baseline,
          percentile_disc(0.1) within group (order by confidence)
            filter (where not recent and held_back is distinct from 'failed') as tenth
        from made
        group by kind
      )
      select t.kind, m.held_back as check, t.recognitions, t.baseline as "baselineRecognitions",
        (count(*) filter (where m.recent))::integer as failed,
        (count(*) filter (where not m.recent))::integer as "baselineFailed"
      from total t
      join made m on m.kind = t.kind and m.held_back is not null
      group by t.kind, m.held_back, t.recognitions, t.baseline
      union all
      select t.kind, 'confidence_shift', t.recognitions, t.baseline,
        (count(*) filter (where m.recent and m.confidence < t.tenth))::integer,
        (count(*) filter (where not m.recent and m.confidence <= t.tenth))::integer
      from total t
      join made m on m.kind = t.kind and m.held_back is distinct from 'failed'
      where t.tenth is not null
      group by t.kind, t.recognitions, t.baseline
      order by 1, 2`,
  };
  return run<CheckRate>(db, statement, [tenant, windowMs, baselineMs]);
}

/** A check and the shares that raise, or keep up, its alarm. */
export interface QualityAlarm {
  readonly kind: string;
  readonly check: string;
  readonly recognitions: number;
  readonly share: number;
  readonly baselineShare: number;
}

/** Raises alarms that are not up yet, brings those that are up to date, and clears the others; answers how many are new. */
export async function setAlarms(db: Queryable, tenant: string, alarms: readonly QualityAlarm[]): Promise<number> {
  const statement = {
    name: 'set_quality_alarms',
    text: `
      with given as materialized (
        select * from unnest($2::text[], $3::text[], $4::integer[], $5::real[], $6::real[])
          as g (kind, check_name, recognitions, share, baseline_share)
      ), cleared as (
        update quality_alarm a set cleared_at = clock_timestamp()
        where a.tenant = $1 and a.cleared_at is null
          and not exists (select from given g where g.kind = a.kind and g.check_name = a.check_name)
      ), raised as (
        insert into quality_alarm as a (tenant, kind, check_name, recognitions, share, baseline_share)
        select $1, g.* from given g
        on conflict (tenant, kind, check_name) where cleared_at is null do update set
          recognitions = excluded.recognitions, share = excluded.share, seen_at = clock_timestamp()
        returning raised_at = now() as fresh
      )
      select count(*) filter (where fresh)::integer as raised from raised`,
  };
  const of = <T>(value: (alarm: QualityAlarm) => T) => alarms.map(value);
  const values = [
    tenant,
    of(({ kind }) => kind),
    of(({ check }) => check),
    of(({ recognitions }) => recognitions),
    of(({ share }) => share),
    of(({ baselineShare }) => baselineShare),
  ];
  return only(await run<{ raised: number }>(db, statement, values)).raised;
}

export interface AlarmRow {
  readonly kind: string;
  readonly check: string;
  readonly recognitions: number;
  readonly share: number;
  readonly baselineShare: number;
  readonly raisedAt: Date;
  readonly clearedAt: Date | null;
}

/** Alarms that are up, and the latest that were cleared, newest first. */
export async function listAlarms(reader: Queryable, tenant: string, limit: number): Promise<AlarmRow[]> {
  const statement = {
    name: 'list_quality_alarms',
    text: `
      select kind, check_name as check, recognitions, share, baseline_share as "baselineShare",
        raised_at as "raisedAt", cleared_at as "clearedAt"
      from quality_alarm
      where tenant = $1
      order by cleared_at is null desc, raised_at desc
      limit $2`,
  };
  return run<AlarmRow>(reader, statement, [tenant, limit]);
}

/** How many artifacts are held back, by kind and reason, and which alarms are up. */
export interface QualityLoad {
  readonly held: readonly { readonly kind: string; readonly check: string; readonly count: number }[];
  readonly alarms: readonly { readonly kind: string; readonly check: string }[];
}

export async function qualityLoad(reader: Queryable, tenant: string): Promise<QualityLoad> {
  const statement = {
    name: 'quality_load',
    text: `
      select
        coalesce((
          select jsonb_agg(jsonb_build_object('kind', kind, 'check', reason, 'count', held))
          from (
            select kind, coalesce(reason, 'unknown') as reason, count(*) as held
            from artifact
            where tenant = $1 and state = 'quarantined' and ${ofRealCustomers('customer_key')}
            group by 1, 2
          ) as counted
        ), '[]') as held,
        coalesce((
          select jsonb_agg(jsonb_build_object('kind', kind, 'check', check_name))
          from quality_alarm
          where tenant = $1 and cleared_at is null
        ), '[]') as alarms`,
  };
  return only(await run<QualityLoad>(reader, statement, [tenant]));
}
