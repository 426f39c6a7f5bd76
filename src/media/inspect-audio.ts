import { fileTypeFromBuffer } from 'file-type';
import { parseBuffer } from 'music-metadata';
import { EarshotError } from '../domain/errors.ts';
import { parseWav } from '../domain/wav.ts';
import type { ExtentFinder } from './extent.ts';
import { flacExtent } from './flac-extent.ts';
import { mp3Extent } from './mp3-extent.ts';
import { mp4Extent } from './mp4-extent.ts';
import { oggExtent } from './ogg-extent.ts';
import { webmExtent } from './webm-extent.ts';

/** What a sound file is, by its own bytes; what the sender says of it is not asked. */
export interface AudioFacts {
  /** Without parameters, so that its subtype names the format to a transcription endpoint. */
  readonly mediaType: string;
  readonly extension: string;
  readonly durationMs: number;
}

/**
 * Formats that OpenAI's transcription takes, by the extension that file-type gives, and how the end of each is found.
 * The reader of WAV finds it by itself.
 */
const FORMATS: ReadonlyMap<string, ExtentFinder | undefined> = new Map([
  ['wav', undefined],
  ['mp3', mp3Extent],
  ['ogg', oggExtent],
  ['oga', oggExtent],
  ['opus', oggExtent],
  ['flac', flacExtent],
  ['m4a', mp4Extent],
  ['mp4', mp4Extent],
  ['webm', webmExtent],
]);

/**
 * @throws EarshotError `unsupported_format`, `malformed_media` (cut short, no sound) or `too_large` (too long), each
 * with the field `audio`.
 */
export async function inspectAudio(bytes: Uint8Array, maxDurationMs: number): Promise<AudioFacts> {
  const type = await fileTypeFromBuffer(bytes);
  if (type === undefined || !FORMATS.has(type.ext)) {
    throw audioError('unsupported_format', `must be one of ${[...FORMATS.keys()].join(', ')}`);
  }
  const { ext, mime } = type;
  const durationMs = ext === 'wav' ? parseWav(bytes).durationMs : await compressedDuration(bytes, ext, mime);
  if (durationMs > maxDurationMs) {
    throw audioError('too_large', `is longer than ${Math.round(maxDurationMs / 1000)} seconds`);
  }
  const mediaType = mime.split(';')[0] ?? mime;
  return { mediaType, extension: ext, durationMs: Math.max(1, Math.round(durationMs)) };
}

/** The longer of what its header claims and what the frames add up to, so that neither hides a long recording. */
async function compressedDuration(bytes: Uint8Array, extension: string, mimeType: string): Promise<number> {
  const extent = FORMATS.get(extension)?.(bytes);
  if (extent?.whole === false) throw audioError('malformed_media', 'ends too early');
  const claimed = await parseBuffer(bytes, { mimeType, size: bytes.length }, { duration: true, skipCovers: true }).then(
    ({ format }) => (format.hasAudio === true ? (format.duration ?? 0) * 1000 : undefined),
    () => undefined,
  );
  const durationMs = claimed === undefined ? 0 : Math.max(claimed, extent?.durationMs ?? 0);
  if (!(durationMs > 0)) throw audioError('malformed_media', 'is damaged or has no sound');
  return durationMs;
}

function audioError(code: 'unsupported_format' | 'malformed_media' | 'too_large', message: string): EarshotError {
  return new EarshotError(code, `audio: ${message}`, { fields: [{ field: 'audio', message }] });
}
