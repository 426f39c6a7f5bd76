import type { IncomingHttpHeaders } from 'node:http';
import type { Readable } from 'node:stream';
import busboy, { type Busboy } from 'busboy';
import { EarshotError, invalidField } from '../domain/errors.ts';

export interface MultipartSpec {
  /** Name of the part that holds the file. */
  readonly file: 'audio' | 'image';
  readonly maxFileBytes: number;
  readonly maxMetadataBytes: number;
}

export interface MultipartBody {
  readonly file: Buffer;
  /** The part `metadata`, parsed from JSON; its shape is not checked here. */
  readonly metadata: unknown;
}

/**
 * Reads a form of one file and one JSON part `metadata`, in either order, the latter as a field or as a file. Stops at
 * the first fault; what is left of the request is read and thrown away, so that the client sees the answer.
 *
 * @throws EarshotError `unsupported_format`, `too_large` or `invalid_request` with the field at fault.
 */
export async function readMultipart(
  request: Readable & { headers: IncomingHttpHeaders },
  spec: MultipartSpec,
): Promise<MultipartBody> {
  const parser = openParser(request.headers, spec);
  try {
    return await new Promise<MultipartBody>((resolve, reject) => {
      collect(parser, spec, resolve, reject);
      request.once('aborted', () => reject(invalidField(spec.file, 'the upload was broken off')));
      request.once('error', () => reject(invalidField(spec.file, 'the upload was broken off')));
      request.pipe(parser);
    });
  } catch (error) {
    request.unpipe(parser);
    request.resume();
    throw error;
  }
}

function openParser(headers: IncomingHttpHeaders, spec: MultipartSpec): Busboy {
  try {
    return busboy({
      headers,
      limits: {
        fileSize: Math.max(spec.maxFileBytes, spec.maxMetadataBytes) + 1,
        fieldSize: spec.maxMetadataBytes + 1,
        parts: 4,
      },
    });
  } catch {
    throw new EarshotError('unsupported_format', `the body must be multipart/form-data with ${spec.file} and metadata`);
  }
}

function collect(
  parser: Busboy,
  spec: MultipartSpec,
  resolve: (body: MultipartBody) => void,
  reject: (error: Error) => void,
): void {
  const parts = new Map<string, Buffer>();
  const reading: Promise<void>[] = [];
  const limits: Record<string, number> = { [spec.file]: spec.maxFileBytes, metadata: spec.maxMetadataBytes };
  const keep = (name: string, bytes: Buffer) => {
    if (parts.has(name)) reject(invalidField(name, 'comes twice'));
    parts.set(name, bytes);
  };
  parser.on('file', (name, stream) => {
    const limit = limits[name];
    if (limit === undefined) reject(invalidField('body', `only the parts ${spec.file} and metadata are known`));
    const read = readPart(stream, limit ?? 0).then(
      (bytes) => (bytes === undefined ? reject(tooLarge(name, limit ?? 0)) : keep(name, bytes)),
      () => reject(invalidField(name, 'the upload was broken off')),
    );
    reading.push(read);
  });
  parser.on('field', (name, value) => {
    if (name !== 'metadata') reject(invalidField('body', `only the parts ${spec.file} and metadata are known`));
    else if (Buffer.byteLength(value) > spec.maxMetadataBytes) reject(tooLarge(name, spec.maxMetadataBytes));
    else keep(name, Buffer.from(value));
  });
  parser.on('partsLimit', () => reject(invalidField('body', 'has too many parts')));
  parser.on('error', () => reject(invalidField('body', 'is not whole multipart/form-data')));
  parser.on('close', () => {
    void Promise.all(reading).then(() => finish(parts, spec, resolve, reject));
  });
}

function finish(
  parts: ReadonlyMap<string, Buffer>,
  spec: MultipartSpec,
  resolve: (body: MultipartBody) => void,
  reject: (error: Error) => void,
): void {
  const file = parts.get(spec.file);
  const metadata = parts.get('metadata');
  if (file === undefined || file.length === 0) return reject(invalidField(spec.file, 'is missing or empty'));
  if (metadata === undefined) return reject(invalidField('metadata', 'is missing'));
  try {
    resolve({ file, metadata: JSON.parse(metadata.toString('utf8')) });
  } catch {
    reject(invalidField('metadata', 'is not JSON'));
  }
}

/** All bytes of a part, or undefined when there are more than the limit. */
async function readPart(stream: Readable, limit: number): Promise<Buffer | undefined> {
  const pieces: Buffer[] = [];
  let bytes = 0;
  for await (const piece of stream as AsyncIterable<Buffer>) {
    bytes += piece.length;
    if (bytes > limit) return undefined;
    pieces.push(piece);
  }
  return Buffer.concat(pieces, bytes);
}

function tooLarge(field: string, limit: number): EarshotError {
  const message = `is larger than ${limit} bytes`;
  return new EarshotError('too_large', `${field}: ${message}`, { fields: [{ field, message }] });
}
