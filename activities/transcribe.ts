import type { AudioActivities, AudioPiece, InteractionRef, PieceRequest } from '../src/domain/activities.ts';
import { loudness, splitAtPauses } from '../src/domain/audio-split.ts';
import { EarshotError } from '../src/domain/errors.ts';
import { NO_PROMPT } from '../src/domain/logic.ts';
import { movedBy } from '../src/domain/transcript.ts';
import { parseWav, sliceWav } from '../src/domain/wav.ts';
import { findRecord, keepPieceTarget, setPieces, type RecordRow } from '../src/db/artifacts.ts';
import type { SpeechModel } from '../src/models/ports.ts';
import type { ActivityDependencies } from './dependencies.ts';
import { withHeartbeat } from './heartbeat.ts';
import { offsetInCall } from './offset-in-call.ts';
import { loadSource, recogniseStep, type RecognitionStep } from './recognise.ts';
import { redactMedia } from './redact-media.ts';

/** Speech recognition, on its own queue. */
export function audioActivities(deps: ActivityDependencies): AudioActivities {
  return {
    planPieces: (recording) => withHeartbeat((signal) => planPieces(deps, recording, signal)),
    redactSound: (recording) => redactMedia(deps, recording),
    transcribePiece: (request) => withHeartbeat((signal) => transcribePiece(deps, request, signal)),
  };
}

async function planPieces(
  deps: ActivityDependencies,
  { tenant, interactionId }: InteractionRef,
  signal: AbortSignal,
): Promise<readonly AudioPiece[]> {
  const db = deps.database.forTenant(tenant).app;
  const record = await findRecord(db, tenant, interactionId);
  if (record === undefined) throw new EarshotError('erased', `record ${interactionId} is not in the log`);
  const target = await keepPieceTarget(db, tenant, interactionId, deps.dials.get('call.piece_target_ms'));
  const pieces = await cutAtPauses(deps, tenant, record, target, signal);
  await setPieces(db, tenant, interactionId, pieces.length);
  return pieces;
}

/** Where a WAV recording is cut. */
export async function cutAtPauses(
  deps: ActivityDependencies,
  tenant: string,
  record: RecordRow,
  targetMs: number,
  signal: AbortSignal,
): Promise<readonly AudioPiece[]> {
  const open = (opening: AbortSignal) => loadSource(deps, tenant, record, opening);
  const wav = parseWav(await deps.recordings.get(keyOf(record), open, signal));
  return splitAtPauses(loudness(wav), wav.durationMs, targetMs);
}

function transcribePiece(deps: ActivityDependencies, request: PieceRequest, signal: AbortSignal) {
  return recogniseStep(deps, transcription(deps, request, deps.speech, signal), signal);
}

/** How one piece of a recording is recognised by a model. */
export function transcription(
  deps: ActivityDependencies,
  { tenant, interactionId, piece, whole }: PieceRequest,
  speech: SpeechModel,
  signal: AbortSignal,
): RecognitionStep {
  return {
    tenant,
    interactionId,
    activity: 'transcribePiece',
    kind: 'transcript',
    piece: piece.index,
    model: speech.model,
    prompt: NO_PROMPT,
    parameters: { startMs: piece.startMs, endMs: piece.endMs },
    soundMs: piece.endMs - piece.startMs,
    recognise: async (record, open) => {
      const audio = whole ? await open(signal) : await cutOut(deps, record, piece, open, signal);
      const extension = record.media_type.split('/')[1]?.replace(/^(x-|vnd\.)/, '') ?? 'wav';
      const recognition = await speech.transcribe(audio, `piece.${EXTENSIONS[extension] ?? extension}`, signal);
      deps.metrics.modelCalls.observe({ model: speech.model, kind: 'transcript' }, recognition.modelMs / 1000);
      const originMs = offsetInCall(record);
      return { ...movedBy(recognition, piece.startMs + originMs), originMs };
    },
  };
}

/** A piece as a file of its own, so that the recording need not be held while the model hears it. */
async function cutOut(
  { recordings }: ActivityDependencies,
  record: RecordRow,
  { startMs, endMs }: AudioPiece,
  open: (signal: AbortSignal) => Promise<Buffer>,
  signal: AbortSignal,
): Promise<Uint8Array> {
  return sliceWav(parseWav(await recordings.get(keyOf(record), open, signal)), startMs, endMs);
}

const keyOf = ({ raw_object: key, interaction_id: interactionId }: RecordRow) => key ?? interactionId;

/** File extensions by which transcription endpoints know formats whose media subtype differs. */
const EXTENSIONS: Readonly<Record<string, string>> = { wave: 'wav', mpeg: 'mp3', opus: 'ogg', m4a: 'm4a', mp4: 'm4a' };
