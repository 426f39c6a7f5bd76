import { createHash } from 'node:crypto';
import { acceptInteraction, findBodyHash, findRawObject, type NewInteraction } from '../db/intake.ts';
import { RESERVED_KEYS } from '../domain/canary.ts';
import { EarshotError } from '../domain/errors.ts';
import { workflowIdOf } from '../domain/ids.ts';
import { lineageDepths } from '../domain/lineage-depth.ts';
import { MODALITY_OF, type Author } from '../domain/interaction.ts';
import { messageText } from '../domain/message-text.ts';
import { payloadContext, type CapturedPayload } from '../domain/payload.ts';
import type { IntakeClass } from '../domain/work-class.ts';
import { seal } from '../raw-store/envelope.ts';
import { rawObjectKey } from '../raw-store/object-key.ts';
import { payloadBytes } from '../schemas/payload.ts';
import { admit } from './admit.ts';
import type { ApiDependencies } from './dependencies.ts';
import { tellAccepted } from './tell-accepted.ts';

/** A record as a route hands it over, checked. */
export interface CapturedRecord {
  readonly tenant: string;
  /** Scope of the idempotency key. */
  readonly kind: 'message' | 'recording' | 'segment' | 'screenshot';
  readonly idempotencyKey: string;
  readonly sessionName: string;
  readonly payload: CapturedPayload;
  readonly startedAt?: Date;
  readonly capturedAt: Date;
  /** Whether its sender says that nobody waits for it. */
  readonly bulk?: boolean;
  readonly segmentIndex?: number;
  readonly sequence?: number;
  readonly author?: Author;
  readonly media?: { readonly bytes: Buffer; readonly mediaType: string; readonly durationMs?: number };
  readonly sessionEndedAt?: Date;
  readonly piecesTotal: number;
}

export interface Accepted {
  readonly interactionId: string;
  readonly workflowId: string;
}

/** Times that a key may be replaced under a request before it gives up: each time takes an erasure. */
const KEY_ATTEMPTS = 3;

/**
 * Makes a record durable, then rings its workflow: raw bytes first, then the log row, then the bell. What fails before
 * the row leaves at most an object that nothing names; what fails after it is rung for by the sweep.
 *
 * @throws EarshotError `overloaded`, `quota_exceeded`, `conflict`, `erased`, or what the stores throw; nothing was
 *   accepted then.
 */
export async function acceptRecord(deps: ApiDependencies, record: CapturedRecord): Promise<Accepted> {
  const workClass = await admit(deps, record);
  const identity = identify(deps, record);
  const answer = { interactionId: identity.interactionId, workflowId: identity.workflowId };
  const startedAt = new Date();
  if (record.media !== undefined && (await isDuplicate(deps, identity))) return answer;
  for (let attempt = 1; attempt <= KEY_ATTEMPTS; attempt++) {
    const interaction = await sealRecord(deps, record, identity, workClass);
    const text =
      record.payload.channel === 'chat' ? messageText(interaction.interactionId, record.payload.text) : undefined;
    const db = deps.database.forTenant(record.tenant).live.app;
    const { outcome, bodyHash, ring, heldBack } = await acceptInteraction(db, interaction, text);
    if (outcome === 'stale_key') {
      deps.keyRing.forget(record.tenant, identity.customerKey);
      await removeObject(deps, interaction);
      continue;
    }
    if (outcome === 'accepted') {
      count(deps, interaction, heldBack, workClass);
      tellAccepted(deps, interaction, text, startedAt);
    }
    if (outcome !== 'accepted') await refuseOrRepeat(deps, interaction, outcome, bodyHash);
    if (outcome === 'accepted' && interaction.inLane === true) {
      if (ring) deps.historyBell.ring(record.tenant);
      return answer;
    }
    // A call's workflow stays open between segments and has to hear of each.
    if (outcome === 'accepted' && (ring || interaction.channel === 'call')) {
      await deps.bells.ring({ ...interaction, woken: ring, workClass });
    }
    return answer;
  }
  throw new EarshotError('overloaded', 'the data key of this customer is being replaced; send the record again');
}

/** A chat message has one check, in the statement that accepts it. */
function count(
  { metrics }: ApiDependencies,
  { channel, modality, contentHash, customerKey }: NewInteraction,
  heldBack: boolean,
  intakeClass: IntakeClass,
): void {
  const sender = RESERVED_KEYS.includes(customerKey) ? 'canary' : 'customer';
  metrics.accepted.inc({ channel, sender });
  if (sender === 'customer') metrics.intake.inc({ channel, class: intakeClass, outcome: 'accepted' });
  if (channel !== 'chat' || contentHash === null) return;
  metrics.qualityChecks.inc({ check: 'duplicate_content', outcome: heldBack ? 'held_back' : 'passed', modality });
}

interface Identity extends Accepted {
  readonly tenant: string;
  readonly sessionId: string;
  readonly customerKey: string;
  readonly bodyHash: string;
  readonly contentHash: string | null;
}

function identify(deps: ApiDependencies, record: CapturedRecord): Identity {
  const { ids } = deps;
  const { tenant, payload, kind, media } = record;
  const customerKey = ids.customerKey(tenant, payload.customerId);
  const sha256 = media === undefined ? undefined : createHash('sha256').update(media.bytes).digest('hex');
  const sessionId = ids.sessionId(tenant, payload.channel, record.sessionName);
  return {
    tenant,
    sessionId,
    workflowId: workflowIdOf(payload.channel, sessionId),
    customerKey,
    interactionId: ids.interactionId(tenant, kind, record.idempotencyKey),
    bodyHash: ids.bodyHash([
      JSON.stringify(payload),
      record.segmentIndex ?? '',
      ...(sha256 === undefined ? [] : [sha256]),
    ]),
    contentHash: contentHashOf(deps, record, customerKey, sha256),
  };
}

/** Spares uploads that were accepted before. @throws EarshotError `conflict` when the body differs. */
async function isDuplicate(deps: ApiDependencies, identity: Identity): Promise<boolean> {
  const { tenant, interactionId, bodyHash } = identity;
  const known = await findBodyHash(deps.database.forTenant(tenant).app, tenant, interactionId);
  if (known !== undefined && known !== bodyHash) throw conflict('duplicate');
  return known !== undefined;
}

async function sealRecord(
  deps: ApiDependencies,
  record: CapturedRecord,
  identity: Identity,
  workClass: IntakeClass,
): Promise<NewInteraction> {
  const { tenant, payload, media } = record;
  const { customerKey, interactionId, bodyHash } = identity;
  const dataKey = await deps.keyRing.current(tenant, customerKey);
  const rawObject =
    media === undefined
      ? null
      : rawObjectKey({
          tenant,
          customerKey,
          generation: dataKey.generation,
          interactionId,
          name: `source-${bodyHash}`,
        });
  if (media !== undefined && rawObject !== null) {
    await deps.rawStore.put(rawObject, seal(dataKey, media.bytes, rawObject), AbortSignal.timeout(60_000));
  }
  return {
    ...identity,
    channel: payload.channel,
    modality: MODALITY_OF[payload.channel],
    sequence: record.sequence ?? null,
    duplicateWindowMs: deps.dials.get('quality.duplicate_window_ms'),
    segmentIndex: record.segmentIndex ?? null,
    author: record.author ?? null,
    startedAt: record.startedAt ?? null,
    capturedAt: record.capturedAt,
    keyGeneration: dataKey.generation,
    sealedPayload: seal(dataKey, payloadBytes(payload), payloadContext(tenant, interactionId)),
    rawObject,
    rawBytes: media?.bytes.length ?? null,
    mediaType: media?.mediaType ?? 'text/plain',
    durationMs: media?.durationMs ?? null,
    codeVersion: deps.codeVersion,
    sessionEndedAt: record.sessionEndedAt ?? null,
    piecesTotal: record.piecesTotal,
    ringAfterMs: deps.dials.get('sweep.ring_after_ms'),
    inLane: workClass === 'bulk' && payload.channel === 'chat' && deps.dials.get('history.lane') === 1,
    lineageDepth: lineageDepths(deps.dials)[MODALITY_OF[payload.channel]],
  };
}

/** Of sound and pictures, and of what a customer wrote at length: agents and bots paste the same words every day. */
function contentHashOf(
  { ids, dials }: ApiDependencies,
  { tenant, payload }: CapturedRecord,
  customerKey: string,
  sha256: string | undefined,
): string | null {
  if (sha256 !== undefined) return ids.contentHash(tenant, customerKey, sha256);
  if (payload.channel !== 'chat' || payload.author !== 'customer') return null;
  const text = payload.text.trim();
  return text.length < dials.get('quality.duplicate_min_characters')
    ? null
    : ids.contentHash(tenant, customerKey, text);
}

/** Ends a request that added nothing: the same answer again, or why not. The bytes that it left behind are removed. */
async function refuseOrRepeat(
  deps: ApiDependencies,
  interaction: NewInteraction,
  outcome: 'duplicate' | 'erased' | 'segment_taken' | 'session_taken',
  bodyHash: string | null,
): Promise<void> {
  if (outcome === 'duplicate' && bodyHash === interaction.bodyHash) return removeSecondCopy(deps, interaction);
  await removeObject(deps, interaction);
  if (outcome === 'erased') throw new EarshotError('erased', 'this was captured before its customer was erased');
  throw conflict(outcome);
}

/** Of two equal requests with an erasure between them, the second has sealed its bytes under another key, elsewhere. */
async function removeSecondCopy(deps: ApiDependencies, interaction: NewInteraction): Promise<void> {
  if (interaction.rawObject === null) return;
  const db = deps.database.forTenant(interaction.tenant).app;
  const kept = await findRawObject(db, interaction.tenant, interaction.interactionId);
  if (kept !== interaction.rawObject) await removeObject(deps, interaction);
}

async function removeObject(deps: ApiDependencies, { rawObject }: NewInteraction): Promise<void> {
  if (rawObject !== null) await deps.rawStore.delete(rawObject, AbortSignal.timeout(10_000));
}

const CONFLICTS = {
  segment_taken: { field: 'index', message: 'a segment with this index has another idempotency key' },
  session_taken: { field: 'customerId', message: 'the conversation or call belongs to another customer' },
} as const;

function conflict(outcome: 'duplicate' | keyof typeof CONFLICTS): EarshotError {
  if (outcome === 'duplicate') {
    return new EarshotError('conflict', 'a record with this idempotency key has another body');
  }
  const fault = CONFLICTS[outcome];
  return new EarshotError('conflict', fault.message, { fields: [fault] });
}
