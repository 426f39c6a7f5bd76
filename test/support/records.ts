import { randomUUID } from 'node:crypto';
import type { AcceptedText, NewInteraction } from '../../src/db/intake.ts';

/** A chat message as the API hands it to the log. */
export function interactionOf(fields: Partial<NewInteraction> = {}): NewInteraction {
  const sessionId = fields.sessionId ?? randomUUID();
  return {
    tenant: 'default',
    interactionId: randomUUID(),
    sessionId,
    workflowId: `chat/${sessionId}`,
    customerKey: 'a'.repeat(32),
    channel: 'chat',
    modality: 'chat',
    segmentIndex: null,
    author: 'customer',
    bodyHash: 'hash',
    contentHash: null,
    sequence: null,
    duplicateWindowMs: 0,
    startedAt: null,
    capturedAt: new Date(),
    keyGeneration: 1,
    sealedPayload: Buffer.from('sealed'),
    rawObject: null,
    rawBytes: null,
    mediaType: 'text/plain',
    durationMs: null,
    codeVersion: 'test',
    sessionEndedAt: null,
    piecesTotal: 1,
    ringAfterMs: 1_000,
    ...fields,
  };
}

/** One chunk of text for it. */
export function textOf(text: string): AcceptedText {
  const place = { kind: 'message' } as const;
  return {
    artifactId: randomUUID(),
    content: [{ text, place, confidence: 1 }],
    redactions: {},
    redactorVersion: 'test',
    chunkerVersion: 'test',
    chunks: [{ chunkId: randomUUID(), ordinal: 0, text, place }],
  };
}
