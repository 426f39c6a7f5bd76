import { CANARY_CUSTOMER, RESERVED_KEYS, type CanaryRef } from '../domain/canary.ts';
import type { Modality } from '../domain/interaction.ts';
import { only, run, type Queryable } from './pools.ts';
import { servedBy } from './served.ts';

/** Notes that canaries are planted now; answers when, which a repeat does not change. */
export async function openCanary(
  db: Queryable,
  { tenant, canaryId }: CanaryRef,
  modalities: readonly Modality[],
): Promise<Date> {
  const statement = {
    name: 'open_canary',
    text: `
      with planted as (
        insert into canary (tenant, canary_id, modality, planted_at)
        select $1, $2::uuid, modality, now() from unnest($3::text[]) as modality
        on conflict do nothing
        returning planted_at
      )
      select coalesce(
        (select min(planted_at) from canary where tenant = $1 and canary_id = $2),
        (select min(planted_at) from planted)) as planted_at`,
  };
  return only(await run<{ planted_at: Date }>(db, statement, [tenant, canaryId, modalities])).planted_at;
}

/** The moments of a canary as they come; null leaves one as it is. */
export interface CanaryMoments {
  readonly acceptedAt: Date | null;
  readonly presentAt: Date | null;
  readonly textReachableAt: Date | null;
  readonly vectorReachableAt: Date | null;
  readonly reachableAt: Date | null;
}

/** Ends a canary: found, or given up with a code. Once; a repeat changes nothing. */
export async function endCanary(
  db: Queryable,
  { tenant, canaryId }: CanaryRef,
  modality: Modality,
  moments: CanaryMoments,
  code: string | null,
): Promise<void> {
  const statement = {
    name: 'end_canary',
    text: `
      update canary set
        accepted_at = $4, present_at = $5, text_reachable_at = $6, vector_reachable_at = $7, reachable_at = $8,
        code = $9, ended_at = now()
      where tenant = $1 and canary_id = $2::uuid and modality = $3 and ended_at is null`,
  };
  const { acceptedAt, presentAt, textReachableAt, vectorReachableAt, reachableAt } = moments;
  const values = [acceptedAt, presentAt, textReachableAt, vectorReachableAt, reachableAt, code];
  await run(db, statement, [tenant, canaryId, modality, ...values]);
}

/** Notes that nothing of a canary is left, and forgets those that are older than they are kept. */
export async function closeCanary(db: Queryable, { tenant, canaryId }: CanaryRef, keepDays: number): Promise<void> {
  const statement = {
    name: 'close_canary',
    text: `
      with forgotten as (
        delete from canary where tenant = $1 and planted_at < now() - $3::double precision * interval '1 day'
      )
      update canary set cleaned_at = now() where tenant = $1 and canary_id = $2::uuid`,
  };
  await run(db, statement, [tenant, canaryId, keepDays]);
}

/** A canary's record, where its objects lie, and the workflow that worked on it. */
export interface CanaryRecordRow {
  readonly interaction_id: string;
  readonly session_id: string;
  readonly customer_key: string;
  readonly key_generation: number;
  readonly workflow_id: string;
}

/** Records of canaries: those named, and those that an earlier run has left behind for so long. */
export async function canaryRecords(
  db: Queryable,
  tenant: string,
  interactionIds: readonly string[],
  olderThanMs: number,
): Promise<CanaryRecordRow[]> {
  const statement = {
    name: 'canary_records',
    text: `
      select i.interaction_id, i.session_id, i.customer_key, i.key_generation, s.workflow_id
      from interaction i
      join session s on s.tenant = $1 and s.session_id = i.session_id
      where i.tenant = $1 and i.customer_key = any($2)
        and (i.interaction_id = any($3::uuid[])
          or i.accepted_at < now() - $4::double precision * interval '1 ms')
      limit 1000`,
  };
  return run<CanaryRecordRow>(db, statement, [tenant, RESERVED_KEYS, interactionIds, olderThanMs]);
}

/** A served text of a canary. It is synthetic, so it may be handed on. */
export interface CanaryChunkRow {
  readonly chunk_id: string;
  readonly text: string;
  readonly has_vector: boolean;
}

export interface CanaryStand {
  readonly state: string | null;
  readonly chunks: readonly CanaryChunkRow[];
}

/** How far a canary has come in the database: "present" is less than "reachable". */
export async function canaryStand(
  db: Queryable,
  tenant: string,
  interactionId: string,
  indexVersion: number,
): Promise<CanaryStand> {
  const statement = {
    name: 'canary_stand',
    text: `
      select f.state, c.chunk_id, c.text, e.chunk_id is not null as has_vector
      from freshness f
      left join chunk c on c.tenant = $1 and c.interaction_id = f.interaction_id and ${servedBy('$3')}
      left join embedding e on e.index_version = $3 and e.tenant = $1 and e.chunk_id = c.chunk_id
      where f.tenant = $1 and f.interaction_id = $2::uuid and f.customer_key = $4
      order by c.artifact_id, c.ordinal`,
  };
  const values = [tenant, interactionId, indexVersion, CANARY_CUSTOMER.key];
  const rows = await run<{ state: string; chunk_id: string | null } & CanaryChunkRow>(db, statement, values);
  return { state: rows[0]?.state ?? null, chunks: rows.filter(({ chunk_id }) => chunk_id !== null) };
}

/** The last canary of each modality that has ended, and the last that was reachable. */
export interface CanaryStateRow {
  readonly modality: Modality;
  readonly first_planted_at: Date;
  readonly last_ended_at: Date | null;
  readonly last_code: string | null;
  readonly last_reachable_at: Date | null;
}

export async function canaryStates(reader: Queryable, tenant: string): Promise<CanaryStateRow[]> {
  const statement = {
    name: 'canary_states',
    text: `
      select
        modality,
        min(planted_at) as first_planted_at,
        max(ended_at) as last_ended_at,
        (array_agg(code order by planted_at desc) filter (where ended_at is not null))[1] as last_code,
        max(reachable_at) as last_reachable_at
      from canary
      where tenant = $1
      group by modality
      order by modality`,
  };
  return run<CanaryStateRow>(reader, statement, [tenant]);
}

/** How many canaries have ended within a window, and how many of them were found in time. */
export async function canariesWithin(
  reader: Queryable,
  tenant: string,
  windowMs: number,
): Promise<{ readonly ended: number; readonly found: number }> {
  const statement = {
    name: 'canaries_within',
    text: `
      select count(*)::integer as ended, (count(*) filter (where code is null))::integer as found
      from canary
      where tenant = $1 and planted_at > now() - $2::double precision * interval '1 ms' and ended_at is not null`,
  };
  return only(await run<{ ended: number; found: number }>(reader, statement, [tenant, windowMs]));
}
