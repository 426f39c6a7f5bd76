import type { AudioActivities, AudioPiece, InteractionRef, PieceRequest } from '../src/domain/activities.ts';
import { loudness, splitAtPauses } from '../src/domain/audio-split.ts';
import { EarshotError } from '../src/domain/errors.ts';
import { judgeTranscript } from '../src/domain/quality.ts';
import type { Passage } from '../src/domain/transcript.ts';
import { parseWav, sliceWav } from '../src/domain/wav.ts';
import { findRecord, setPieces, type RecordRow } from '../src/db/artifacts.ts';
import type { ActivityDependencies } from './dependencies.ts';
import { withHeartbeat } from './heartbeat.ts';
import { loadSource, recogniseStep } from './recognise.ts';

/** Speech recognition, on its own queue. */
export function audioActivities(deps: ActivityDependencies): AudioActivities {
  return {
    planPieces: (recording) => withHeartbeat((signal) => planPieces(deps, recording, signal)),
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
  const wav = parseWav(await loadSource(deps, tenant, record, signal));
  const pieces = splitAtPauses(loudness(wav), wav.durationMs, deps.dials.get('call.piece_target_ms'));
  await setPieces(db, tenant, interactionId, pieces.length);
  return pieces;
}

function transcribePiece(deps: ActivityDependencies, request: PieceRequest, signal: AbortSignal) {
  const { tenant, interactionId, piece, whole } = request;
  return recogniseStep(
    deps,
    {
      tenant,
      interactionId,
      activity: 'transcribePiece',
      kind: 'transcript',
      piece: piece.index,
      model: deps.speech.model,
      parameters: { startMs: piece.startMs, endMs: piece.endMs },
      recognise: async (record, source) => {
        const audio = whole ? source : sliceWav(parseWav(source), piece.startMs, piece.endMs);
        const extension = record.media_type.split('/')[1]?.replace(/^(x-|vnd\.)/, '') ?? 'wav';
        const recognition = await deps.speech.transcribe(audio, `piece.${EXTENSIONS[extension] ?? extension}`, signal);
        deps.metrics.modelCalls.observe({ model: deps.speech.model, kind: 'transcript' }, recognition.modelMs / 1000);
        const offset = piece.startMs + offsetInCall(record);
        return { ...recognition, passages: recognition.passages.map((passage) => shifted(passage, offset)) };
      },
      judge: (passages, confidence) => {
        const text = passages.map((passage) => passage.text).join(' ');
        return judgeTranscript(text, confidence, deps.dials.get('quality.min_speech_confidence'));
      },
      eventTime: (record, { place }) => {
        const start = record.session_started_at ?? record.captured_at;
        return place.kind === 'time' ? new Date(start.getTime() + place.endMs) : record.captured_at;
      },
    },
    signal,
  );
}

/** File extensions by which transcription endpoints know formats whose media subtype differs. */
const EXTENSIONS: Readonly<Record<string, string>> = { wave: 'wav', mpeg: 'mp3', opus: 'ogg', m4a: 'm4a', mp4: 'm4a' };

/** A segment's places count from the start of its call. */
function offsetInCall({ started_at, session_started_at }: RecordRow): number {
  return started_at === null || session_started_at === null ? 0 : started_at.getTime() - session_started_at.getTime();
}

function shifted(passage: Passage, offsetMs: number): Passage {
  const { place } = passage;
  if (place.kind !== 'time') return passage;
  return { ...passage, place: { kind: 'time', startMs: place.startMs + offsetMs, endMs: place.endMs + offsetMs } };
}
