import { isDeepStrictEqual } from 'node:util';
import { findPieceTarget, keepPieceTarget, type RecordRow } from '../../src/db/artifacts.ts';
import type { MadeArtifact } from '../../src/db/replaced-artifacts.ts';
import type { ReplayRow } from '../../src/db/replays.ts';
import type { ArtifactResult } from '../../src/domain/activities.ts';
import { isCut } from '../../src/domain/audio-split.ts';
import { CHUNKER_VERSION } from '../../src/domain/chunking.ts';
import { EarshotError } from '../../src/domain/errors.ts';
import { eventTimeOf } from '../../src/domain/event-time.ts';
import type { ArtifactKind, Modality } from '../../src/domain/interaction.ts';
import { NO_PROMPT, TYPED_MODEL } from '../../src/domain/logic.ts';
import { REDACTOR_VERSION } from '../../src/domain/redaction.ts';
import type { Passage } from '../../src/domain/transcript.ts';
import type { SpeechModel, VisionModel } from '../../src/models/ports.ts';
import type { ActivityDependencies } from '../dependencies.ts';
import { screenReading } from '../read-screen.ts';
import { identityOf, objectNameOf, objectOf, recogniseStep, type RecognitionStep } from '../recognise.ts';
import { openMessage, storeMessage } from '../store-message.ts';
import { cutAtPauses, transcription } from '../transcribe.ts';

/** One artifact that a record has when it is made by the logic of today, or of the models that a replay names. */
export interface Part {
  readonly kind: ArtifactKind;
  readonly piece: number;
  readonly artifactId: string;
  readonly model: string;
  readonly prompt: string;
  /** What else the model's answer depends on. */
  readonly parameters: Readonly<Record<string, unknown>>;
  readonly activity: string;
  eventTime(passage: Pick<Passage, 'place'>): Date;
  /** Makes it, without putting it into service; `made` is what the record has, and may spare the model. */
  make(made: readonly MadeArtifact[]): Promise<ArtifactResult>;
}

export interface Models {
  readonly speech: SpeechModel;
  readonly vision: VisionModel;
}

/** The models that a replay recognises with. */
export function modelsOf({ speech, vision, recognisers }: ActivityDependencies, replay: ReplayRow): Models {
  const { asr_model: asr, vision_model: seeing } = replay;
  return {
    speech: asr === null || asr === speech.model ? speech : recognisers.speech(asr),
    vision: seeing === null || seeing === vision.model ? vision : recognisers.vision(seeing),
  };
}

/** Which kinds a record of each modality has. */
export const KINDS_OF: Readonly<Record<Modality, readonly ArtifactKind[]>> = {
  chat: ['message'],
  audio: ['transcript'],
  screenshot: ['screen_text', 'caption'],
};

/** The parts of one kind of a record, in the order of their pieces. */
export async function partsOf(
  deps: ActivityDependencies,
  models: Models,
  tenant: string,
  record: RecordRow,
  kind: ArtifactKind,
  signal: AbortSignal,
): Promise<Part[]> {
  const ref = { tenant, interactionId: record.interaction_id };
  const recognised = (step: RecognitionStep) => recognisedPart(deps, record, step, signal);
  switch (kind) {
    case 'message':
      return [await messagePart(deps, tenant, record)];
    case 'screen_text':
    case 'caption':
      return [recognised(screenReading(deps, ref, kind, models.vision, signal))];
    case 'transcript': {
      const { pieces, whole } = await cutsOf(deps, tenant, record, signal);
      return pieces.map((piece) => recognised(transcription(deps, { ...ref, piece, whole }, models.speech, signal)));
    }
  }
}

/**
 * Cuts as `takeCallWork` and `planPieces` do for a recording that has just come in, at the length that is kept of it:
 * whoever runs it again must come to the same pieces.
 */
async function cutsOf(deps: ActivityDependencies, tenant: string, record: RecordRow, signal: AbortSignal) {
  const { interaction_id: interactionId, duration_ms: durationMs, media_type: mediaType } = record;
  if (durationMs === null) throw new EarshotError('malformed_media', `record ${interactionId} has no length`);
  const { app } = deps.database.forTenant(tenant);
  const kept = await findPieceTarget(app, tenant, interactionId);
  const targetMs = kept ?? deps.dials.get('call.piece_target_ms');
  if (!isCut(mediaType, durationMs, targetMs)) {
    return { pieces: [{ index: 0, startMs: 0, endMs: durationMs }], whole: true };
  }
  const cutMs = kept ?? (await keepPieceTarget(app, tenant, interactionId, targetMs));
  return { pieces: await cutAtPauses(deps, tenant, record, cutMs, signal), whole: false };
}

function recognisedPart(
  deps: ActivityDependencies,
  record: RecordRow,
  step: RecognitionStep,
  signal: AbortSignal,
): Part {
  const { kind, piece, model, prompt, parameters, activity, tenant } = step;
  const { artifactId } = identityOf(step);
  const part: Part = {
    ...{ kind, piece, artifactId, model, prompt, parameters, activity },
    eventTime: ({ place }) => eventTimeOf(record, place),
    make: (made) => {
      const known = made.flatMap((row) => (isSameRecognition(row, part) ? (row.sealed_object ?? []) : []));
      // Answers were named by the artifact before they were named by the recognition.
      const older = prompt === NO_PROMPT ? [objectOf(tenant, record, objectNameOf(kind, artifactId))] : [];
      return recogniseStep(deps, step, signal, { state: 'staged', kept: [...known, ...older] });
    },
  };
  return part;
}

async function messagePart(deps: ActivityDependencies, tenant: string, record: RecordRow): Promise<Part> {
  const { artifactId } = await openMessage(deps, tenant, record);
  return {
    kind: 'message',
    piece: 0,
    artifactId,
    model: TYPED_MODEL,
    prompt: NO_PROMPT,
    parameters: {},
    activity: 'redact',
    eventTime: () => record.captured_at,
    make: () => storeMessage(deps, tenant, record, 'staged'),
  };
}

/** Whether an artifact is what a part would be made as, whatever its id was derived from. */
export function isSameLogic(row: MadeArtifact, part: Part): boolean {
  if (row.artifact_id === part.artifactId) return true;
  const { redactor_version: redactor, chunker_version: chunker } = row;
  return redactor === REDACTOR_VERSION && chunker === CHUNKER_VERSION && isSameRecognition(row, part);
}

/** Whether an artifact was made of the same answer of a model as a part would be. */
export function isSameRecognition(row: MadeArtifact, part: Part): boolean {
  const { redactor: _redactor, chunker: _chunker, prompt: _prompt, ...asked } = row.parameters;
  return (
    row.kind === part.kind &&
    row.piece === part.piece &&
    row.model === part.model &&
    row.prompt_version === part.prompt &&
    isDeepStrictEqual(asked, { ...part.parameters })
  );
}
