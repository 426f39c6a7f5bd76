import { createHash, createHmac, createSecretKey } from 'node:crypto';
import { reservedKeyOf } from './canary.ts';
import type { ArtifactKind, Channel } from './interaction.ts';

/**
 * Every id is derived, so that doing a thing twice names the same row. Ids made from what a channel sends are keyed
 * with the deployment's secret: a phone number cannot be found again by trying all of them.
 */

/** Joins parts unambiguously: `["a", "bc"]` and `["ab", "c"]` differ. */
function canonical(parts: readonly (string | number)[]): string {
  return JSON.stringify(parts);
}

/** RFC 9562 UUID version 8 from the first 16 bytes of a digest. */
function uuidFrom(digest: Buffer): string {
  const bytes = Buffer.from(digest.subarray(0, 16));
  bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | 0x80, 6);
  bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8);
  const hex = bytes.toString('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}

function derivedId(kind: string, ...parts: (string | number)[]): string {
  return uuidFrom(
    createHash('sha256')
      .update(canonical([kind, ...parts]))
      .digest(),
  );
}

/** Ids that depend on names given from outside, under the deployment's customer secret. */
export interface KeyedIds {
  /** The customer's stand-in everywhere but inside encrypted payloads: 32 hex digits. */
  customerKey(tenant: string, customerId: string): string;
  /** The conversation, call or screenshot that a record belongs to. */
  sessionId(tenant: string, channel: Channel, externalId: string): string;
  interactionId(tenant: string, route: string, idempotencyKey: string): string;
  /** Fingerprint of a request body: equal bodies give equal hashes, and the hash reveals nothing of a short text. */
  bodyHash(parts: readonly (string | number)[]): string;
  /**
   * Fingerprint of what one customer sent, whatever ids it came with: a text, or the SHA-256 of an upload. That of two
   * customers gives two hashes.
   */
  contentHash(tenant: string, customerKey: string, content: string): string;
}

export function keyedIds(secret: Buffer): KeyedIds {
  // Six times as fast as with the bytes, of which a key is made for each.
  const key = createSecretKey(secret);
  const mac = (kind: string, parts: readonly (string | number)[]) =>
    createHmac('sha256', key)
      .update(canonical([kind, ...parts]))
      .digest();
  return {
    customerKey: (tenant, customerId) =>
      reservedKeyOf(customerId) ?? mac('customer', [tenant, customerId]).toString('hex').slice(0, 32),
    sessionId: (tenant, channel, externalId) => uuidFrom(mac('session', [tenant, channel, externalId])),
    interactionId: (tenant, route, idempotencyKey) => uuidFrom(mac('interaction', [tenant, route, idempotencyKey])),
    bodyHash: (parts) => mac('body', parts).toString('hex'),
    contentHash: (tenant, customerKey, content) => mac('content', [tenant, customerKey, content]).toString('hex'),
  };
}

/** `chat/<session>`, `call/<session>` or `screenshot/<session>`. */
export function workflowIdOf(channel: Channel, sessionId: string): string {
  return `${channel}/${sessionId}`;
}

export interface ArtifactIdentity {
  readonly interactionId: string;
  readonly kind: ArtifactKind;
  /** Which piece of a recording, 0 for what is processed whole. */
  readonly piece: number;
  readonly model: string;
  readonly modelVersion: string;
  readonly parameters: string;
}

export function artifactIdOf(artifact: ArtifactIdentity): string {
  const { interactionId, kind, piece, model, modelVersion, parameters } = artifact;
  return derivedId('artifact', interactionId, kind, piece, model, modelVersion, parameters);
}

/** Names the answer of a model, of which several artifacts may be made: one for each redactor and chunker. */
export function recognitionIdOf(recognition: ArtifactIdentity): string {
  const { interactionId, kind, piece, model, modelVersion, parameters } = recognition;
  return derivedId('recognition', interactionId, kind, piece, model, modelVersion, parameters);
}

/** A run that replays, asked for with an idempotency key. */
export function replayIdOf(tenant: string, idempotencyKey: string): string {
  return derivedId('replay', tenant, idempotencyKey);
}

/** The replay that recognises a tenant's records anew for one index version. */
export function versionReplayIdOf(tenant: string, indexVersion: number): string {
  return derivedId('version-replay', tenant, indexVersion);
}

export function chunkIdOf(artifactId: string, ordinal: number): string {
  return derivedId('chunk', artifactId, ordinal);
}

/** The erasure that one run of the retention workflow opens for a tenant. */
export function retentionErasureId(tenant: string, runId: string): string {
  return derivedId('retention', tenant, runId);
}

/** A redacted copy, by what decides how it comes out. */
export function redactedMediaIdOf(interactionId: string, parameters: string): string {
  return derivedId('redacted-media', interactionId, parameters);
}

/** The OpenLineage run of one attempt of a step. */
export function attemptRunId(workflowRunId: string, activityId: string, attempt: number): string {
  return derivedId('attempt', workflowRunId, activityId, attempt);
}

/** The OpenLineage run that accepted a record. It does not lead back to the record's id. */
export function acceptRunId(tenant: string, interactionId: string): string {
  return derivedId('accept', tenant, interactionId);
}

/** The lineage node of one chunk's vector in one index version. */
export function embeddingIdOf(chunkId: string, indexVersion: number): string {
  return derivedId('embedding', chunkId, indexVersion);
}

/** The canaries that one run of their workflow plants in a tenant. */
export function canaryIdOf(tenant: string, runId: string): string {
  return derivedId('canary', tenant, runId);
}

/** The reconciliation that one run of its workflow does in a tenant. */
export function reconciliationIdOf(tenant: string, runId: string): string {
  return derivedId('reconciliation', tenant, runId);
}
