import type { Author, Channel, Modality, Place } from '../domain/interaction.ts';
import { tracesEveryStep } from '../domain/lineage-depth.ts';
import { only, run, type Queryable } from './pools.ts';

/** A record at the moment it is accepted. */
export interface NewInteraction {
  readonly tenant: string;
  readonly interactionId: string;
  readonly sessionId: string;
  readonly workflowId: string;
  readonly customerKey: string;
  readonly channel: Channel;
  readonly modality: Modality;
  readonly segmentIndex: number | null;
  readonly author: Author | null;
  readonly bodyHash: string;
  /** Null for what is never taken for a copy. */
  readonly contentHash: string | null;
  /** The message's place in its conversation as the channel counts it. */
  readonly sequence: number | null;
  readonly duplicateWindowMs: number;
  /** Of a recording or segment. */
  readonly startedAt: Date | null;
  readonly capturedAt: Date;
  readonly keyGeneration: number;
  readonly sealedPayload: Uint8Array;
  readonly rawObject: string | null;
  readonly rawBytes: number | null;
  readonly mediaType: string;
  readonly durationMs: number | null;
  readonly codeVersion: string;
  /** Known for a whole recording, whose end comes with it. */
  readonly sessionEndedAt: Date | null;
  readonly piecesTotal: number;
  readonly ringAfterMs: number;
  /** A message of history, which waits in its tenant's lane unless something live waits in the session. */
  readonly inLane?: boolean;
  /** Of its stream. */
  readonly lineageDepth?: number;
}

/** The text of a chat message, redacted, which is searchable from the transaction that accepts it. */
export interface AcceptedText {
  readonly artifactId: string;
  readonly content: readonly { text: string; place: Place; confidence: number }[];
  readonly redactions: Readonly<Record<string, number>>;
  readonly redactorVersion: string;
  readonly chunkerVersion: string;
  readonly chunks: readonly { chunkId: string; ordinal: number; text: string; place: Place }[];
}

/**
 * `accepted`: now durable. `duplicate`: it was already, `bodyHash` says with which body. `erased`: captured before its
 * customer's erasure, or erased itself. `stale_key`: the data key was replaced meanwhile, seal again. `segment_taken`: another record
 * holds this segment's index. `session_taken`: the conversation or call is another customer's.
 */
export interface AcceptResult {
  readonly outcome: 'accepted' | 'duplicate' | 'erased' | 'stale_key' | 'segment_taken' | 'session_taken';
  readonly bodyHash: string | null;
  /** Whether the session slept and must be rung. */
  readonly ring: boolean;
  /** Whether a chat message was held back, because its customer has just sent the same. */
  readonly heldBack: boolean;
}

/** The session slept, or waited in the lane of history, and has something live now: it is as if it had just woken. */
const BEGINS_ANEW = '(s.awake_since is null or s.in_lane and not excluded.in_lane)';

/**
 * One statement, so one round trip and one transaction: the fence, the log row, the session's doorbell flag, the
 * stamps and, for a chat message, the searchable text with its lineage, unless it was sent before under another id. The fence locks the subject row "for share":
 * an eraser that holds it makes this wait, and then the row is read again as the eraser left it.
 * A session joins the lane of history when nothing of it waits that is not history; one that sleeps may have such a
 * record, for a paused source. A session that slept, or left the lane, is recognised by `awake_since = now()`: only this
 * transaction can have set it to its own time.
 */
const ACCEPT = {
  name: 'accept_interaction',
  text: `
    with fence as materialized (
      select erased_before, key_generation
      from subject
      where tenant = $1 and customer_key = $5
      for share
    ), admitted as (
      select from fence
      where key_generation = $12::integer and $11::timestamptz > coalesce(erased_before, '-infinity')
        and not exists (select from tombstone where tenant = $1 and interaction_id = $2::uuid)
    ), twin as materialized (
      select exists (
        select
        from interaction i
        join freshness f on f.tenant = $1 and f.interaction_id = i.interaction_id
        where i.tenant = $1 and i.customer_key = $5 and i.content_hash = $32 and $34::double precision > 0 and i.interaction_id <> $2::uuid
          and i.captured_at between $11::timestamptz - $34::double precision * interval '1 ms'
            and $11::timestamptz + $34::double precision * interval '1 ms'
          and f.state in ('accepted', 'processing', 'reachable')
      ) and $22::uuid is not null as found
    ), roused as (
      insert into session as s (
        tenant, session_id, channel, customer_key, workflow_id, awake_since, ring_after, ended_at, in_lane)
      select $1, $3::uuid, $6, $5, $4, now(), now() + $21::double precision * interval '1 ms', $20::timestamptz, $36::boolean
      from admitted
      where not exists (select from interaction where tenant = $1 and interaction_id = $2::uuid)
      on conflict (tenant, session_id) do update set
        arrivals = s.arrivals + 1,
        ring_after = case
          when ${BEGINS_ANEW} then excluded.ring_after
          -- Each segment rings: one whose ring was lost is not to wait as long as a run that was told of it.
          when $6 = 'call' then least(s.ring_after, excluded.ring_after)
          else s.ring_after
        end,
        rings = case when ${BEGINS_ANEW} then 0 else s.rings end,
        awake_since = case when ${BEGINS_ANEW} then excluded.awake_since else s.awake_since end,
        in_lane = excluded.in_lane and (s.in_lane or s.awake_since is null and not exists (
          select from freshness f
          where f.tenant = $1 and f.session_id = s.session_id and f.state in ('accepted', 'processing'))),
        ended_at = coalesce(s.ended_at, excluded.ended_at)
      where s.customer_key = excluded.customer_key
      returning session_id, awake_since = now() as ring
    ), logged as (
      insert into interaction (
        tenant, interaction_id, session_id, customer_key, channel, modality, segment_index, author, body_hash,
        captured_at, accepted_at, key_generation, sealed_payload, raw_object, raw_bytes, media_type, duration_ms,
        code_version, started_at, content_hash, sequence)
      select $1, $2, session_id, $5, $6, $7, $8, $9, $10,
        $11, clock_timestamp(), $12, $13, $14, $15, $16, $17, $18, $31, $32, $33
      from roused
      on conflict do nothing
      returning interaction_id, accepted_at
    ), stamped as (
      insert into freshness (
        tenant, interaction_id, session_id, customer_key, modality, pieces_total, captured_at, accepted_at,
        text_reachable_at, state, reason)
      select $1, interaction_id, $3, $5, $7, $19, $11, accepted_at,
        case when $22::uuid is not null and not twin.found then accepted_at end,
        case when twin.found then 'quarantined' else 'accepted' end,
        case when twin.found then 'duplicate_content' end
      from logged, twin
    ), written as (
      insert into artifact (
        tenant, artifact_id, interaction_id, customer_key, kind, state, reason, content, redactions, confidence, model,
        model_version, redactor_version, chunker_version, code_version)
      select $1, $22, interaction_id, $5, 'message', case when twin.found then 'quarantined' else 'active' end,
        case when twin.found then 'duplicate_content' end, $23::jsonb, $24::jsonb, 1, 'typed', '1', $25, $26, $18
      from logged, twin
      where $22 is not null
      returning artifact_id, interaction_id, state
    ), cut as (
      insert into chunk (
        tenant, chunk_id, artifact_id, interaction_id, session_id, customer_key, modality, ordinal, author, text, place,
        confidence, event_time, chunker_version)
      select $1, piece.chunk_id, artifact_id, interaction_id, $3, $5, $7, piece.ordinal, $9, piece.text, piece.place,
        1, $11, $26
      from written
      cross join unnest($27::uuid[], $28::integer[], $29::text[], $30::jsonb[])
        as piece (chunk_id, ordinal, text, place)
      where written.state = 'active'
      returning chunk_id, artifact_id, interaction_id
    ), traced as (
      insert into lineage_edge (
        tenant, from_id, to_id, from_kind, to_kind, interaction_id, customer_key, activity, model, model_version,
        code_version)
      select $1, interaction_id, artifact_id, 'raw', 'artifact', interaction_id, $5, 'redact', 'typed', $25, $18
      from written
      union all
      select $1, artifact_id, chunk_id, 'artifact', 'chunk', interaction_id, $5, 'chunk', null, $26, $18
      from cut
      where $35::boolean
    )
    select
      (select erased_before from fence) as erased_before,
      exists (select from tombstone where tenant = $1 and interaction_id = $2) as tombstoned,
      exists (select from admitted) as admitted,
      exists (select from logged) as accepted,
      exists (select from roused) as roused,
      coalesce((select ring from roused), false) as ring,
      (select found from twin) as held_back,
      (select body_hash from interaction where tenant = $1 and interaction_id = $2) as body_hash`,
};

interface AcceptRow {
  readonly erased_before: Date | null;
  readonly tombstoned: boolean;
  readonly admitted: boolean;
  readonly accepted: boolean;
  readonly roused: boolean;
  readonly ring: boolean;
  readonly held_back: boolean;
  readonly body_hash: string | null;
}

export async function acceptInteraction(
  db: Queryable,
  interaction: NewInteraction,
  text: AcceptedText | undefined,
): Promise<AcceptResult> {
  const row = only(
    await run<AcceptRow>(db, ACCEPT, [
      ...interactionValues(interaction),
      ...textValues(text),
      interaction.startedAt,
      interaction.contentHash,
      interaction.sequence,
      interaction.duplicateWindowMs,
      tracesEveryStep(interaction.lineageDepth),
      interaction.inLane === true,
    ]),
  );
  const refused = { bodyHash: null, ring: false, heldBack: false };
  if (row.accepted) return { outcome: 'accepted', bodyHash: null, ring: row.ring, heldBack: row.held_back };
  if (row.body_hash !== null) return { ...refused, outcome: 'duplicate', bodyHash: row.body_hash };
  if (row.roused) return lostRace(db, interaction);
  if (row.admitted) return { ...refused, outcome: 'session_taken' };
  const erased = row.tombstoned || (row.erased_before !== null && interaction.capturedAt <= row.erased_before);
  return { ...refused, outcome: erased ? 'erased' : 'stale_key' };
}

/** Another connection inserted the same record, or the same segment, after this statement's snapshot was taken. */
async function lostRace(db: Queryable, { tenant, interactionId }: NewInteraction): Promise<AcceptResult> {
  const bodyHash = await findBodyHash(db, tenant, interactionId);
  const outcome = bodyHash === undefined ? 'segment_taken' : 'duplicate';
  return { outcome, bodyHash: bodyHash ?? null, ring: true, heldBack: false };
}

function interactionValues(interaction: NewInteraction): unknown[] {
  return [
    interaction.tenant,
    interaction.interactionId,
    interaction.sessionId,
    interaction.workflowId,
    interaction.customerKey,
    interaction.channel,
    interaction.modality,
    interaction.segmentIndex,
    interaction.author,
    interaction.bodyHash,
    interaction.capturedAt,
    interaction.keyGeneration,
    interaction.sealedPayload,
    interaction.rawObject,
    interaction.rawBytes,
    interaction.mediaType,
    interaction.durationMs,
    interaction.codeVersion,
    interaction.piecesTotal,
    interaction.sessionEndedAt,
    interaction.ringAfterMs,
  ];
}

function textValues(text: AcceptedText | undefined): unknown[] {
  if (text === undefined) return [null, '[]', '{}', null, null, [], [], [], []];
  return [
    text.artifactId,
    JSON.stringify(text.content),
    JSON.stringify(text.redactions),
    text.redactorVersion,
    text.chunkerVersion,
    text.chunks.map(({ chunkId }) => chunkId),
    text.chunks.map(({ ordinal }) => ordinal),
    text.chunks.map((chunk) => chunk.text),
    text.chunks.map(({ place }) => JSON.stringify(place)),
  ];
}

/** The body with which a record was accepted; undefined when it was not. */
export async function findBodyHash(db: Queryable, tenant: string, interactionId: string): Promise<string | undefined> {
  const statement = {
    name: 'find_body_hash',
    text: 'select body_hash from interaction where tenant = $1 and interaction_id = $2::uuid',
  };
  const rows = await run<{ body_hash: string }>(db, statement, [tenant, interactionId]);
  return rows[0]?.body_hash;
}

/** Where the bytes of an accepted record lie; null for one without, undefined when it is not there. */
export async function findRawObject(
  db: Queryable,
  tenant: string,
  interactionId: string,
): Promise<string | null | undefined> {
  const statement = {
    name: 'find_raw_object',
    text: 'select raw_object from interaction where tenant = $1 and interaction_id = $2::uuid',
  };
  return (await run<{ raw_object: string | null }>(db, statement, [tenant, interactionId]))[0]?.raw_object;
}
