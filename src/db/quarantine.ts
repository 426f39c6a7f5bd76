import type { Modality, Place } from '../domain/interaction.ts';
import type { RecognisedKind } from '../domain/quality.ts';
import { admits, fenceOfCustomer } from './fence.ts';
import { only, run, type Queryable } from './pools.ts';
import { ofRealCustomers } from './real-customers.ts';

export type Decision = 'release' | 'discard';

/** A held back artifact as operators list it: no word of what it says. */
export interface HeldBackRow {
  readonly artifact_id: string;
  readonly interaction_id: string;
  readonly modality: Modality;
  readonly kind: string;
  readonly piece: number;
  readonly state: string;
  readonly reason: string | null;
  readonly confidence: number;
  readonly model: string;
  readonly model_version: string;
  readonly captured_at: Date;
  readonly held_back_at: Date;
  /** Postgres' own text of it, which is finer than a millisecond: where the next page begins. */
  readonly position: string;
  readonly decision: Decision | null;
  readonly decided_by: string | null;
  readonly decided_at: Date | null;
  readonly applied_at: Date | null;
}

export interface HeldBackFilter {
  readonly state: 'quarantined' | 'discarded' | 'released';
  readonly modality: Modality | null;
  readonly check: string | null;
  /** The last one of the page before. */
  readonly before: { readonly moment: string; readonly id: string } | null;
  readonly limit: number;
}

const COLUMNS = `
  a.artifact_id, a.interaction_id, i.modality, a.kind, a.piece, a.state, coalesce(d.reason, a.reason) as reason,
  a.confidence, a.model, a.model_version, i.captured_at, a.created_at as held_back_at, d.decision, d.decided_by,
  d.decided_at, d.applied_at`;

/**
 * Newest first. What was released is found by its decision, the rest by its state. Of an erased customer's, from the
 * moment of the fence, nothing.
 */
export async function listHeldBack(reader: Queryable, tenant: string, filter: HeldBackFilter): Promise<HeldBackRow[]> {
  const statement = filter.state === 'released' ? RELEASED : HELD_BACK;
  const { state, modality, check, before, limit } = filter;
  return run<HeldBackRow>(reader, statement, [
    tenant,
    state,
    modality,
    check,
    before?.moment ?? null,
    before?.id ?? null,
    limit,
  ]);
}

const HELD_BACK = {
  name: 'list_held_back',
  text: `
    select ${COLUMNS}, a.created_at::text as position
    from artifact a
    join interaction i on i.tenant = $1 and i.interaction_id = a.interaction_id
    join subject s on s.tenant = $1 and s.customer_key = i.customer_key
    left join quarantine_decision d on d.tenant = $1 and d.artifact_id = a.artifact_id
    where a.tenant = $1 and a.state = $2 and a.state in ('quarantined', 'discarded')
      and i.captured_at > coalesce(s.erased_before, '-infinity')
      and ${ofRealCustomers('a.customer_key')}
      and ($3::text is null or i.modality = $3) and ($4::text is null or coalesce(d.reason, a.reason) = $4)
      and ($5::timestamptz is null or (a.created_at, a.artifact_id) < ($5, $6::uuid))
    order by a.created_at desc, a.artifact_id desc
    limit $7`,
};

const RELEASED = {
  name: 'list_released',
  text: `
    select ${COLUMNS}, d.decided_at::text as position
    from quarantine_decision d
    join artifact a on a.tenant = $1 and a.artifact_id = d.artifact_id
    join interaction i on i.tenant = $1 and i.interaction_id = a.interaction_id
    join subject s on s.tenant = $1 and s.customer_key = i.customer_key
    where d.tenant = $1 and d.decision = 'release' and $2::text is not null
      and i.captured_at > coalesce(s.erased_before, '-infinity')
      and ${ofRealCustomers('d.customer_key')}
      and ($3::text is null or i.modality = $3) and ($4::text is null or d.reason = $4)
      and ($5::timestamptz is null or (d.decided_at, d.artifact_id) < ($5, $6::uuid))
    order by d.decided_at desc, d.artifact_id desc
    limit $7`,
};

/** How an artifact stands when an operator's word came, and whose word it was. */
export interface DecidedRow {
  readonly interaction_id: string;
  readonly customer_key: string;
  readonly state: string;
  readonly reason: string | null;
  readonly passages: number;
  readonly decision: Decision | null;
  readonly decided_by: string | null;
  readonly decided_at: Date | null;
  readonly applied_at: Date | null;
}

/** Writes an operator's decision on what is held back and has text, unless there is one; answers how it stands then. */
export async function decide(
  db: Queryable,
  order: {
    readonly tenant: string;
    readonly artifactId: string;
    readonly decision: Decision;
    readonly decidedBy: string;
    readonly startAfterMs: number;
  },
): Promise<DecidedRow | undefined> {
  const statement = {
    name: 'decide_quarantined',
    text: `
      with held as materialized (
        select a.artifact_id, a.interaction_id, a.customer_key, a.state, a.reason, a.confidence,
          jsonb_array_length(a.content) as passages
        from artifact a
        where a.tenant = $1 and a.artifact_id = $2::uuid
        for update
      ), made as (
        insert into quarantine_decision (
          tenant, artifact_id, interaction_id, customer_key, decision, reason, confidence, decided_by, start_after)
        select $1, artifact_id, interaction_id, customer_key, $3, reason, confidence, $4,
          now() + $5::double precision * interval '1 ms'
        from held
        where state = 'quarantined' and (passages > 0 or $3 = 'discard')
        on conflict (tenant, artifact_id) do nothing
        returning *
      ), known as (
        select * from made
        union all
        select d.* from quarantine_decision d
        where d.tenant = $1 and d.artifact_id = $2 and not exists (select from made)
      )
      select held.interaction_id, held.customer_key, held.state, held.reason, held.passages, known.decision, known.decided_by, known.decided_at,
        known.applied_at
      from held
      left join known on true`,
  };
  const { tenant, artifactId, decision, decidedBy, startAfterMs } = order;
  return (await run<DecidedRow>(db, statement, [tenant, artifactId, decision, decidedBy, startAfterMs]))[0];
}

/**
 * Decisions that were written down and not carried out. Each is put off when it is claimed.
 *
 * @param canIndex whether what is let go could be made reachable now; if not, releases are left for later.
 */
export async function claimDecisions(
  db: Queryable,
  tenant: string,
  startAfterMs: number,
  limit: number,
  canIndex: boolean,
): Promise<{ artifact_id: string; interaction_id: string; customer_key: string }[]> {
  const statement = {
    name: 'claim_decisions',
    text: `
      with due as (
        select artifact_id
        from quarantine_decision
        where tenant = $1 and applied_at is null and start_after < now() and (decision <> 'release' or $4)
        order by start_after
        limit $3
        for update skip locked
      )
      update quarantine_decision d set start_after = now() + $2::double precision * interval '1 ms'
      from due
      where d.tenant = $1 and d.artifact_id = due.artifact_id
      returning d.artifact_id, d.interaction_id, d.customer_key`,
  };
  return run(db, statement, [tenant, startAfterMs, limit, canIndex]);
}

/** Notes that all is done that follows from a decision. */
export async function closeDecision(db: Queryable, tenant: string, artifactId: string): Promise<void> {
  const statement = {
    name: 'close_decision',
    text: `
      update quarantine_decision set applied_at = coalesce(applied_at, clock_timestamp())
      where tenant = $1 and artifact_id = $2::uuid`,
  };
  await run(db, statement, [tenant, artifactId]);
}

/** What was recognised, as it is kept: redacted, in passages. */
export interface HeldBackContent {
  readonly artifact_id: string;
  readonly interaction_id: string;
  readonly kind: RecognisedKind | 'message';
  readonly piece: number;
  readonly state: string;
  readonly reason: string | null;
  readonly confidence: number;
  readonly content: readonly { text: string; place: Place; confidence: number }[];
  readonly parameters: Readonly<Record<string, unknown>>;
  readonly duration_ms: number | null;
  readonly captured_at: Date;
  readonly session_started_at: Date | null;
  readonly decision: Decision | null;
}

/** Undefined when there is no such artifact, or its customer was erased since. */
export async function findContent(
  db: Queryable,
  tenant: string,
  artifactId: string,
): Promise<HeldBackContent | undefined> {
  const statement = {
    name: 'find_artifact_content',
    text: `
      select a.artifact_id, a.interaction_id, a.kind, a.piece, a.state, a.reason, a.confidence, a.content, a.parameters,
        i.duration_ms, i.captured_at,
        (select min(started_at) from interaction o where o.tenant = $1 and o.session_id = i.session_id)
          as session_started_at,
        d.decision
      from artifact a
      join interaction i on i.tenant = $1 and i.interaction_id = a.interaction_id
      join subject s on s.tenant = $1 and s.customer_key = i.customer_key and s.key_generation = i.key_generation
      left join quarantine_decision d on d.tenant = $1 and d.artifact_id = a.artifact_id
      where a.tenant = $1 and a.artifact_id = $2::uuid and i.captured_at > coalesce(s.erased_before, '-infinity')`,
  };
  return (await run<HeldBackContent>(db, statement, [tenant, artifactId]))[0];
}

/** The chunks of what is let go, cut from its content. */
export interface ReleasedArtifact {
  readonly tenant: string;
  readonly artifactId: string;
  readonly chunkerVersion: string;
  readonly codeVersion: string;
  readonly workflowId: string | null;
  readonly runId: string | null;
  readonly chunks: readonly { chunkId: string; ordinal: number; text: string; place: Place; confidence: number }[];
  readonly eventTimes: readonly Date[];
}

/** What is served for the same piece as an artifact `a`, in all index versions or in one. */
const STANDS_AGAINST = `
  select
  from artifact other
  where other.tenant = $1 and other.interaction_id = a.interaction_id and other.kind = a.kind and other.piece = a.piece
    and other.artifact_id <> a.artifact_id and (other.state = 'active' or other.shown_in is not null)`;

/** Whether something is served in the place of an artifact, so that to release it would serve the piece twice. */
export async function isReplaced(db: Queryable, tenant: string, artifactId: string): Promise<boolean> {
  const statement = {
    name: 'is_replaced',
    text: `
      select exists (
        select from artifact a where a.tenant = $1 and a.artifact_id = $2::uuid and exists (${STANDS_AGAINST})) as replaced`,
  };
  return only(await run<{ replaced: boolean }>(db, statement, [tenant, artifactId])).replaced;
}

/**
 * Puts what was held back into service: its chunks with their lineage, made now or taken up again, and its record among
 * those that wait for their vectors. Behind the fence, and after `lockRecord` of the same transaction, so that what was
 * replaced meanwhile stays replaced; run again, it changes nothing. Answers whether the artifact is now served.
 */
export async function releaseArtifact(db: Queryable, artifact: ReleasedArtifact): Promise<boolean> {
  const statement = {
    name: 'release_artifact',
    text: `
      with held as materialized (
        select a.artifact_id, a.interaction_id, i.session_id, i.customer_key, i.modality, i.author, i.captured_at,
          i.key_generation
        from artifact a
        join interaction i on i.tenant = $1 and i.interaction_id = a.interaction_id
        where a.tenant = $1 and a.artifact_id = $2::uuid and a.state in ('quarantined', 'active')
          and not exists (${STANDS_AGAINST})
        for no key update of a
      ), ${fenceOfCustomer('(select customer_key from held)')}, admitted as materialized (
        select held.*
        from held, fence
        where ${admits('held')}
      ), served as (
        update artifact a set state = 'active', reason = null, hidden_in = null
        from admitted
        where a.tenant = $1 and a.artifact_id = admitted.artifact_id and a.state = 'quarantined'
      ), cut as (
        insert into chunk (
          tenant, chunk_id, artifact_id, interaction_id, session_id, customer_key, modality, ordinal, author, text,
          place, confidence, event_time, chunker_version)
        select $1, piece.chunk_id, artifact_id, interaction_id, session_id, customer_key, modality, piece.ordinal,
          author, piece.text, piece.place, piece.confidence, piece.event_time, $3
        from admitted
        cross join unnest($7::uuid[], $8::integer[], $9::text[], $10::jsonb[], $11::real[], $12::timestamptz[])
          as piece (chunk_id, ordinal, text, place, confidence, event_time)
        on conflict (tenant, chunk_id) do update set
          active = true, activated_at = clock_timestamp(), withdrawn_at = null, shown_in = null, hidden_in = null
          where not chunk.active
      ), waiting as (
        update freshness f set
          state = case when f.state in ('quarantined', 'failed') then 'processing' else f.state end,
          reason = case when f.state in ('quarantined', 'failed') then null else f.reason end,
          text_reachable_at = coalesce(f.text_reachable_at, clock_timestamp()),
          released_at = coalesce(f.released_at, clock_timestamp())
        from admitted
        where f.tenant = $1 and f.interaction_id = admitted.interaction_id
      ), traced as (
        insert into lineage_edge (
          tenant, from_id, to_id, from_kind, to_kind, interaction_id, customer_key, activity, model_version,
          code_version, workflow_id, run_id)
        select $1, artifact_id, piece.chunk_id, 'artifact', 'chunk', interaction_id, customer_key, 'chunk', $3, $4, $5, $6
        from admitted
        cross join unnest($7) as piece (chunk_id)
        on conflict do nothing
      )
      select exists (select from admitted) as served`,
  };
  const { chunks } = artifact;
  return only(
    await run<{ served: boolean }>(db, statement, [
      artifact.tenant,
      artifact.artifactId,
      artifact.chunkerVersion,
      artifact.codeVersion,
      artifact.workflowId,
      artifact.runId,
      chunks.map(({ chunkId }) => chunkId),
      chunks.map(({ ordinal }) => ordinal),
      chunks.map(({ text }) => text),
      chunks.map(({ place }) => JSON.stringify(place)),
      chunks.map(({ confidence }) => confidence),
      artifact.eventTimes,
    ]),
  ).served;
}

/**
 * Takes an artifact out of service: `quarantined` until somebody decides, `discarded` for good. Its vectors stay for the
 * case that it comes back; without their chunk nobody finds them, and they go with the record. An operator's decision
 * is not overruled by a threshold.
 */
export async function withdrawArtifact(
  db: Queryable,
  tenant: string,
  artifactId: string,
  to: { readonly state: 'quarantined' | 'discarded'; readonly reason: string | null },
): Promise<boolean> {
  const statement = {
    name: 'withdraw_artifact',
    text: `
      with taken as (
        update artifact a set state = $3, reason = coalesce($4, a.reason)
        where a.tenant = $1 and a.artifact_id = $2::uuid and a.state in ('active', 'quarantined')
          and ($3 = 'discarded' or not exists (
            select from quarantine_decision d where d.tenant = $1 and d.artifact_id = a.artifact_id))
        returning artifact_id
      ), withdrawn as (
        update chunk c set active = false, withdrawn_at = clock_timestamp()
        from taken
        where c.tenant = $1 and c.artifact_id = taken.artifact_id and c.active
      )
      select exists (select from taken) as taken`,
  };
  return only(await run<{ taken: boolean }>(db, statement, [tenant, artifactId, to.state, to.reason])).taken;
}

/** Tells the state of records that were settled from what is left of their artifacts; those that wait settle themselves. */
export async function resettle(db: Queryable, tenant: string, interactionIds: readonly string[]): Promise<void> {
  const statement = {
    name: 'resettle',
    text: `
      with record as materialized (
        select interaction_id,
          bool_or(state = 'active') as active,
          bool_or(state = 'quarantined') as quarantined,
          bool_or(state = 'discarded') as discarded,
          min(reason) filter (where state = 'quarantined') as reason,
          min(reason) filter (where state = 'failed') as failure
        from artifact
        where tenant = $1 and interaction_id = any($2::uuid[]) and state not in ('superseded', 'staged')
        group by interaction_id
      )
      update freshness f set
        state = case when r.active then 'reachable' when r.quarantined or r.discarded then 'quarantined' else 'failed' end,
        reason = case when r.active then coalesce(r.reason, r.failure) when r.quarantined then r.reason
          when r.discarded then 'discarded' else r.failure end,
        reachable_at = case when r.active then f.reachable_at end
      from record r
      where f.tenant = $1 and f.interaction_id = r.interaction_id
        and f.state in ('reachable', 'quarantined', 'failed')`,
  };
  await run(db, statement, [tenant, interactionIds]);
}
