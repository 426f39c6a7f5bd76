import { storeArtifact, type RecordRow } from '../src/db/artifacts.ts';
import type { AcceptedText } from '../src/db/intake.ts';
import type { ArtifactResult } from '../src/domain/activities.ts';
import { EarshotError } from '../src/domain/errors.ts';
import { lineageDepths } from '../src/domain/lineage-depth.ts';
import { NO_PROMPT, TYPED_MODEL } from '../src/domain/logic.ts';
import { messageText } from '../src/domain/message-text.ts';
import { payloadContext } from '../src/domain/payload.ts';
import { noteRun } from '../src/lineage/run-notes.ts';
import { readPayload } from '../src/schemas/payload.ts';
import type { ActivityDependencies } from './dependencies.ts';
import { currentRun } from './heartbeat.ts';

/**
 * A message's text from its sealed payload, redacted and cut by today's rules.
 *
 * @throws EarshotError `raw_object_corrupt` when the record is no message, or what opening it throws.
 */
export async function openMessage(
  { keyRing }: ActivityDependencies,
  tenant: string,
  { interaction_id: interactionId, customer_key: customerKey, sealed_payload: sealed }: RecordRow,
): Promise<AcceptedText> {
  const opened = await keyRing.open(tenant, customerKey, sealed, payloadContext(tenant, interactionId));
  const payload = readPayload(opened);
  if (payload.channel === 'chat') return messageText(interactionId, payload.text);
  throw new EarshotError('raw_object_corrupt', `record ${interactionId} is no message`);
}

/** Stores a message's text anew, as it was when it was accepted. @throws EarshotError `erased` when the fence refuses. */
export async function storeMessage(
  deps: ActivityDependencies,
  tenant: string,
  record: RecordRow,
  state: 'active' | 'staged',
): Promise<ArtifactResult> {
  const text = await openMessage(deps, tenant, record);
  const { interaction_id: interactionId, captured_at: capturedAt } = record;
  const admitted = await storeArtifact(deps.database.forTenant(tenant).app, {
    ...text,
    ...{ tenant, interactionId, kind: 'message', piece: 0, state, reason: null, confidence: 1 },
    ...{ model: TYPED_MODEL, modelVersion: '1', promptVersion: NO_PROMPT, parameters: {}, modelMs: 0 },
    ...{ codeVersion: deps.codeVersion, sealedObject: null, activity: 'redact', ...currentRun() },
    lineageDepth: lineageDepths(deps.dials).chat,
    chunks: text.chunks.map((chunk) => ({ ...chunk, confidence: 1 })),
    eventTimes: text.chunks.map(() => capturedAt),
  });
  if (!admitted) throw new EarshotError('erased', `record ${interactionId} was captured before an erasure`);
  noteRun({
    read: { interaction: 1 },
    made: { artifact: 1, chunk: text.chunks.length },
    versions: { redactor: text.redactorVersion, chunker: text.chunkerVersion },
  });
  return { artifactId: text.artifactId, state: 'active', chunks: text.chunks.length, confidence: 1 };
}
