import { EarshotError } from '../domain/errors.ts';
import { hiddenTimes, uncovered, withMargin, type HiddenTime } from '../domain/hidden-sound.ts';
import { movedBy, type Passage, type SpokenWord } from '../domain/transcript.ts';
import { parseWav, silenceWav, type TimeSpan } from '../domain/wav.ts';
import type { KeptAnswer, MediaRecord } from '../db/redacted-media.ts';

/** Media types of recordings whose samples can be silenced where they stand. */
const SILENCEABLE = new Set(['audio/wav', 'audio/wave', 'audio/x-wav', 'audio/vnd.wave']);

/** @throws EarshotError `no_redacted_copy` for a compressed recording. */
export function requireSilenceable({ media_type: mediaType }: MediaRecord): void {
  if (SILENCEABLE.has(mediaType)) return;
  throw new EarshotError('no_redacted_copy', 'compressed recordings cannot be silenced in part; send WAV');
}

/** A model's answer about a piece of a recording, opened. */
export interface PieceAnswer extends KeptAnswer {
  readonly passages: readonly Passage[];
  readonly words?: readonly SpokenWord[];
  readonly originMs?: number;
}

/**
 * What is to be silent in a recording: every value that redaction finds in any transcript that was ever made of it, in
 * each piece alone and over the cuts between the pieces of one model; and all that no transcript in service covers,
 * because nobody knows what is said there.
 *
 * @throws EarshotError `no_redacted_copy` when nothing vouches for any part of it.
 */
export function hiddenInSound(record: MediaRecord, answers: readonly PieceAnswer[], marginMs: number): HiddenTime[] {
  const durationMs = record.duration_ms ?? 0;
  const heard = answers.map((answer) => inRecording(record, answer));
  const inService = heard.filter(({ state }) => state === 'active');
  const covered = inService.flatMap((answer) => rangeOf(answer, durationMs));
  if (covered.length === 0) throw new EarshotError('no_redacted_copy', 'no part of the recording was understood');
  const joined = [...new Set(inService.map(({ model }) => model))].map((model) =>
    join(inService.filter((answer) => answer.model === model)),
  );
  const values = [...heard, ...joined].flatMap(({ passages, words }) => hiddenTimes({ passages, words }));
  return withMargin([...values, ...uncovered(durationMs, covered)], marginMs, durationMs);
}

/** Times of a kept answer count from the start of the call; of a segment, only the answer itself knows by how much. */
function inRecording({ segment_index: segment }: MediaRecord, answer: PieceAnswer): PieceAnswer {
  if (answer.originMs === undefined && segment !== null) {
    throw new EarshotError('no_redacted_copy', 'when words were said in this segment is not known');
  }
  return movedBy(answer, -(answer.originMs ?? 0));
}

/** The part of the recording that a piece's transcript is of. */
function rangeOf({ parameters }: PieceAnswer, durationMs: number): TimeSpan[] {
  const { startMs, endMs } = parameters;
  if (typeof startMs !== 'number' || typeof endMs !== 'number') return [];
  // The last piece ends where a header says, which may be a fraction of a millisecond from where the sound does.
  return [{ startMs, endMs: endMs >= durationMs - 1 ? durationMs : endMs }];
}

/** Pieces of one recording as one text, because a number may be said over a cut. */
function join(pieces: readonly PieceAnswer[]): Pick<PieceAnswer, 'passages' | 'words'> {
  const passages = pieces.flatMap((piece) => piece.passages);
  if (pieces.some(({ words }) => words === undefined)) return { passages };
  return { passages, words: pieces.flatMap(({ words }) => words ?? []) };
}

/** The recording with these stretches silent. */
export function silenced(source: Uint8Array, hidden: readonly HiddenTime[]): Uint8Array {
  return silenceWav(parseWav(source), hidden);
}
