import { fileTypeFromBuffer } from 'file-type';
import { parseBuffer } from 'music-metadata';
import { EarshotError } from '../domain/errors.ts';
import { parseWav } from '../domain/wav.ts';

/** What a sound file is, by its own bytes; what the sender says of it is not asked. */
export interface AudioFacts {
  readonly mediaType: string;
  readonly extension: string;
  readonly durationMs: number;
}

/** Formats that OpenAI's transcription takes, by the extension that file-type gives. */
const FORMATS = new Set(['wav', 'mp3', 'ogg', 'opus', 'oga', 'flac', 'm4a', 'mp4', 'webm']);

/**
 * @throws EarshotError `unsupported_format`, `malformed_media` (cut short, no sound) or `too_large` (too long), each
 * with the field `audio`.
 */
export async function inspectAudio(bytes: Uint8Array, maxDurationMs: number): Promise<AudioFacts> {
  const type = await fileTypeFromBuffer(bytes);
  if (type === undefined || !FORMATS.has(type.ext)) {
    throw audioError('unsupported_format', `must be one of ${[...FORMATS].join(', ')}`);
  }
  const durationMs = type.ext === 'wav' ? parseWav(bytes).durationMs : await compressedDuration(bytes, type.mime);
  if (durationMs > maxDurationMs) {
    throw audioError('too_large', `is longer than ${Math.round(maxDurationMs / 1000)} seconds`);
  }
  return { mediaType: type.mime, extension: type.ext, durationMs: Math.max(1, Math.round(durationMs)) };
}

async function compressedDuration(bytes: Uint8Array, mimeType: string): Promise<number> {
  const seconds = await parseBuffer(bytes, { mimeType, size: bytes.length }, { duration: true, skipCovers: true }).then(
    ({ format }) => format.duration,
    () => undefined,
  );
  if (seconds === undefined || !(seconds > 0)) throw audioError('malformed_media', 'is damaged or has no sound');
  return seconds * 1000;
}

function audioError(code: 'unsupported_format' | 'malformed_media' | 'too_large', message: string): EarshotError {
  return new EarshotError(code, `audio: ${message}`, { fields: [{ field: 'audio', message }] });
}
