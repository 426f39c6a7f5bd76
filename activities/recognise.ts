import { chunkPassages, CHUNKER_VERSION } from '../src/domain/chunking.ts';
import { EarshotError } from '../src/domain/errors.ts';
import { eventTimeOf } from '../src/domain/event-time.ts';
import { artifactIdOf, chunkIdOf, recognitionIdOf } from '../src/domain/ids.ts';
import { lineageDepths } from '../src/domain/lineage-depth.ts';
import type { ArtifactKind } from '../src/domain/interaction.ts';
import type { ArtifactResult } from '../src/domain/activities.ts';
import { NO_PROMPT } from '../src/domain/logic.ts';
import { redactPassages } from '../src/domain/redact-passages.ts';
import { REDACTOR_VERSION } from '../src/domain/redaction.ts';
import { meanConfidence, type Passage } from '../src/domain/transcript.ts';
import {
  findArtifact,
  findRecord,
  storeArtifact,
  type NewArtifact,
  type RecordRow,
  type StoredArtifact,
} from '../src/db/artifacts.ts';
import { lockRecord } from '../src/db/record-lock.ts';
import { serveStaged } from '../src/db/replaced-artifacts.ts';
import { returnArtifact, standingArtifact } from '../src/db/returned-artifacts.ts';
import { markChanged } from '../src/db/rollups.ts';
import { confidencesOf, noteRun, type RunNotes } from '../src/lineage/run-notes.ts';
import type { Recognition } from '../src/models/ports.ts';
import { rawObjectKey } from '../src/raw-store/object-key.ts';
import type { ActivityDependencies } from './dependencies.ts';
import { currentRun } from './heartbeat.ts';
import { judgeRecognised } from './judge.ts';
import { answerForSameContent } from './same-content.ts';
import { settleRecords } from './settle.ts';

/** One recognition of one record by one model. */
export interface RecognitionStep {
  readonly tenant: string;
  readonly interactionId: string;
  readonly activity: string;
  readonly kind: Exclude<ArtifactKind, 'message'>;
  readonly piece: number;
  readonly model: string;
  /** Version of the model's instruction; `NO_PROMPT` for a model without. */
  readonly prompt: string;
  /** What else decides the result: part of the artifact's identity and lineage. */
  readonly parameters: Readonly<Record<string, unknown>>;
  /**
   * Asks the model; places of the passages are those of the whole source.
   *
   * @param open reads what was captured. Its bytes are not to be held while the model is asked.
   */
  recognise(record: RecordRow, open: (signal: AbortSignal) => Promise<Buffer>): Promise<Recognition>;
  /** Of a piece of sound; null for pictures. */
  readonly soundMs: number | null;
}

/** How a recognition comes into service. */
export interface Making {
  /** `staged`: not served until it replaces what is. */
  readonly state: 'active' | 'staged';
  /** Raw objects that may hold what the model was paid for, besides the one named by the recognition. */
  readonly kept: readonly string[];
}

const LIVE: Making = { state: 'active', kept: [] };

/**
 * The artifact that a step makes, and the recognition that it is made of. The model's answer depends on model, prompt
 * and parameters alone: another redactor or chunker makes another artifact of the same answer.
 */
export function identityOf(step: RecognitionStep): {
  artifactId: string;
  objectName: string;
  parameters: Readonly<Record<string, unknown>>;
} {
  const { interactionId, kind, piece, model, prompt } = step;
  const asked = prompt === NO_PROMPT ? step.parameters : { ...step.parameters, prompt };
  const parameters = { ...asked, redactor: REDACTOR_VERSION, chunker: CHUNKER_VERSION };
  const made = { interactionId, kind, piece, model, modelVersion: model };
  return {
    artifactId: artifactIdOf({ ...made, parameters: JSON.stringify(parameters) }),
    objectName: objectNameOf(kind, recognitionIdOf({ ...made, parameters: JSON.stringify(asked) })),
    parameters,
  };
}

/** The last part of the key under which a model's answer is kept. */
export function objectNameOf(kind: ArtifactKind, id: string): string {
  return `${kind.replace('_', '-')}-${id}`;
}

/** Where an object of a record lies. */
export function objectOf(tenant: string, record: RecordRow, name: string): string {
  const { customer_key: customerKey, key_generation: generation, interaction_id: interactionId } = record;
  return rawObjectKey({ tenant, customerKey, generation, interactionId, name });
}

/**
 * Recognises, keeps what the model was paid for, redacts, judges, cuts and stores. What an earlier attempt has done is
 * not done again: a stored artifact ends the step, a kept answer spares the model.
 */
export async function recogniseStep(
  deps: ActivityDependencies,
  step: RecognitionStep,
  signal: AbortSignal,
  making: Making = LIVE,
): Promise<ArtifactResult> {
  const { tenant, interactionId } = step;
  const db = deps.database.forTenant(tenant).app;
  const { artifactId, objectName, parameters } = identityOf(step);
  const stored = await findArtifact(db, tenant, artifactId);
  if (stored?.state === 'active' || stored?.state === 'quarantined') {
    return { artifactId, state: stored.state, chunks: stored.chunks, confidence: stored.confidence };
  }
  // An operator's word stands, whatever the checks of today would say.
  if (stored?.state === 'discarded') return resultOf(stored);
  if (stored?.state === 'staged' && making.state === 'active') {
    if (!(await serveStaged(db, tenant, interactionId, artifactId))) throw refused(interactionId);
    return { artifactId, state: 'active', chunks: stored.chunks, confidence: stored.confidence };
  }
  // What stands for the piece stays, whatever logic made it: to replace it is for a replay.
  const standing = making.state === 'active' ? await standingArtifact(db, step) : undefined;
  if (standing !== undefined) return resultOf(standing);
  const returns = stored?.state === 'superseded' || stored?.state === 'failed';
  const record = await loadRecord(deps, tenant, interactionId);
  const paidFor = { name: objectOf(tenant, record, objectName), earlier: making.kept };
  const { recognition, sealedObject } = await paidOnce(
    deps,
    tenant,
    record,
    paidFor,
    signal,
    async () =>
      (await answerForSameContent(deps, step, record, signal)) ??
      step.recognise(record, (opening) => loadSource(deps, tenant, record, opening)),
  );
  const made = { record, artifactId, sealedObject, parameters, recognition, returns };
  try {
    return await storeRecognition(deps, step, made, making);
  } catch (error) {
    // What was kept for a record that is gone would outlive it.
    if (error instanceof EarshotError && error.code === 'erased') await deps.rawStore.delete(sealedObject, signal);
    throw error;
  }
}

interface Recognised {
  readonly record: RecordRow;
  readonly artifactId: string;
  readonly sealedObject: string;
  readonly parameters: Readonly<Record<string, unknown>>;
  readonly recognition: Recognition;
  /** Whether it was in service once and is no more: replaced, or its vectors failed. */
  readonly returns: boolean;
}

function resultOf({ artifact_id: artifactId, state, chunks, confidence }: StoredArtifact): ArtifactResult {
  if (state === 'active') return { artifactId, state, chunks, confidence };
  return { artifactId, state: 'quarantined', chunks: 0, confidence };
}

/**
 * Puts an artifact into service, in the place of nothing: where another stands for its piece by now, that one is answered
 * and stays. Undefined when it is stored itself.
 */
async function storeInFreePlace(
  deps: ActivityDependencies,
  artifact: NewArtifact,
  state: 'active' | 'quarantined',
  returns: boolean,
): Promise<StoredArtifact | undefined> {
  const { tenant, interactionId } = artifact;
  return deps.database.forTenant(tenant).transaction(async (transaction) => {
    if (!(await lockRecord(transaction, tenant, interactionId))) throw refused(interactionId);
    const standing = await standingArtifact(transaction, artifact);
    if (standing !== undefined) return standing;
    if (returns) await returnArtifact(transaction, artifact, artifact.artifactId, state, artifact.reason);
    // What of it was dropped meanwhile is written anew.
    if (!(await storeArtifact(transaction, artifact))) throw refused(interactionId);
    if (returns) await markChanged(transaction, tenant, [interactionId]);
    return undefined;
  });
}

async function storeRecognition(
  deps: ActivityDependencies,
  step: RecognitionStep,
  { record, artifactId, sealedObject, parameters, recognition, returns }: Recognised,
  making: Making,
): Promise<ArtifactResult> {
  const { tenant, interactionId } = step;
  const redacted = redactPassages(recognition.passages);
  const confidence = meanConfidence(redacted.passages);
  const { kind, soundMs } = step;
  const evidence = { tenant, interactionId, kind, passages: redacted.passages, confidence, soundMs };
  const reason = await judgeRecognised(deps, evidence);
  const state = reason === undefined ? 'active' : 'quarantined';
  const chunks = state === 'active' ? chunkPassages(redacted.passages) : [];
  const artifact: NewArtifact = {
    tenant,
    interactionId,
    artifactId,
    kind: step.kind,
    piece: step.piece,
    state: state === 'active' ? making.state : state,
    reason: reason ?? null,
    content: redacted.passages,
    redactions: redacted.counts,
    confidence,
    model: step.model,
    modelVersion: recognition.modelVersion,
    promptVersion: step.prompt,
    parameters,
    redactorVersion: REDACTOR_VERSION,
    chunkerVersion: CHUNKER_VERSION,
    codeVersion: deps.codeVersion,
    modelMs: recognition.modelMs,
    sealedObject,
    activity: step.activity,
    lineageDepth: lineageDepths(deps.dials)[record.modality],
    ...currentRun(),
    chunks: chunks.map((chunk) => ({ ...chunk, chunkId: chunkIdOf(artifactId, chunk.ordinal) })),
    eventTimes: chunks.map(({ place }) => eventTimeOf(record, place)),
  };
  if (making.state === 'active') {
    const standing = await storeInFreePlace(deps, artifact, state, returns);
    if (standing !== undefined) return resultOf(standing);
  } else if (!(await storeArtifact(deps.database.forTenant(tenant).app, artifact))) throw refused(interactionId);
  noteRun({
    read: { raw: 1 },
    made: { artifact: 1, chunk: chunks.length },
    versions: versionsOf(step, recognition),
    assertions: [{ dataset: 'raw', assertion: 'recognised_text_is_usable', success: state === 'active' }],
    ...withConfidence(redacted.passages),
  });
  if (chunks.length === 0 && making.state === 'active') await settleRecords(deps, tenant, [interactionId], []);
  return { artifactId, state, chunks: chunks.length, confidence };
}

function refused(interactionId: string): EarshotError {
  return new EarshotError('erased', `record ${interactionId} was captured before its customer's erasure`);
}

function versionsOf({ kind, model }: RecognitionStep, { modelVersion }: Recognition): Record<string, string> {
  return { [kind]: `${model}@${modelVersion}`, redactor: REDACTOR_VERSION, chunker: CHUNKER_VERSION };
}

function withConfidence(passages: readonly Passage[]): Partial<RunNotes> {
  const confidence = confidencesOf(passages);
  return confidence === undefined ? {} : { confidence };
}

/** @throws EarshotError `erased` when there is no such record any more. */
async function loadRecord(deps: ActivityDependencies, tenant: string, interactionId: string): Promise<RecordRow> {
  const record = await findRecord(deps.database.forTenant(tenant).app, tenant, interactionId);
  if (record === undefined) throw new EarshotError('erased', `record ${interactionId} is not in the log`);
  return record;
}

/** The bytes as captured. Their integrity is GCM's; their length is the log's. */
export async function loadSource(
  deps: ActivityDependencies,
  tenant: string,
  record: RecordRow,
  signal: AbortSignal,
): Promise<Buffer> {
  const key = record.raw_object;
  if (key === null) throw new EarshotError('raw_object_missing', `record ${record.interaction_id} has no raw object`);
  const bytes = await deps.keyRing.open(tenant, record.customer_key, await deps.rawStore.get(key, signal), key);
  if (bytes.length === record.raw_bytes) return bytes;
  throw new EarshotError('raw_object_corrupt', `${key}: ${bytes.length} bytes instead of ${record.raw_bytes}`);
}

/** Where an answer is kept once it is paid for, and where earlier code may have kept it. */
interface PaidFor {
  readonly name: string;
  readonly earlier: readonly string[];
}

interface PaidRecognition {
  readonly recognition: Recognition;
  readonly sealedObject: string;
}

/** The answer as kept, unredacted and sealed, by an earlier attempt; else asks the model and keeps what it says. */
async function paidOnce(
  deps: ActivityDependencies,
  tenant: string,
  { customer_key: customerKey, key_generation: generation }: RecordRow,
  { name, earlier }: PaidFor,
  signal: AbortSignal,
  ask: () => Promise<Recognition>,
): Promise<PaidRecognition> {
  for (const sealedObject of new Set([name, ...earlier])) {
    const kept = await deps.rawStore.get(sealedObject, signal).catch((error: unknown) => {
      if (error instanceof EarshotError && error.code === 'raw_object_missing') return undefined;
      throw error;
    });
    if (kept === undefined) continue;
    const opened = await deps.keyRing.open(tenant, customerKey, kept, sealedObject);
    return { recognition: JSON.parse(opened.toString()) as Recognition, sealedObject };
  }
  const recognition = await ask();
  const owner = { tenant, customerKey, generation };
  const sealed = await deps.keyRing.sealUnder(owner, Buffer.from(JSON.stringify(recognition)), name);
  await deps.rawStore.put(name, sealed, signal);
  return { recognition, sealedObject: name };
}
