import type { IncomingHttpHeaders } from 'node:http';
import { finished, type Readable } from 'node:stream';
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
  let forgetRequest = (): void => undefined;
  try {
    return await new Promise<MultipartBody>((resolve, reject) => {
      collect(parser, spec, resolve, reject);
      // Also tells of a client that left before: its own events are past then and would be waited for without end.
      forgetRequest = finished(request, { writable: false }, (error) => {
        if (error) reject(invalidField(spec.file, 'the upload was broken off'));
      });
      request.pipe(parser);
    });
  } catch (error) {
    request.unpipe(parser);
    parser.destroy();
    request.resume();
    throw error;
  } finally {
    forgetRequest();
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

/** A form on its way in. */
interface Incoming {
  readonly spec: MultipartSpec;
  /** Names of the parts that have started, whole or not. */
  readonly begun: Set<string>;
  readonly parts: Map<string, Buffer>;
  readonly reading: Promise<void>[];
  /** Only the first call counts. */
  readonly fail: (error: Error) => void;
}

function collect(
  parser: Busboy,
  spec: MultipartSpec,
  resolve: (body: MultipartBody) => void,
  reject: (error: Error) => void,
): void {
  const form: Incoming = { spec, begun: new Set(), parts: new Map(), reading: [], fail: reject };
  parser.on('file', (name: string | undefined, stream) => takeFile(form, name, stream));
  parser.on('field', (name: string | undefined, value) => takeField(form, name, value));
  parser.on('partsLimit', () => reject(invalidField('body', 'has too many parts')));
  parser.on('error', () => reject(invalidField('body', 'is not whole multipart/form-data')));
  parser.on('close', () => {
    void Promise.all(form.reading).then(() => finish(form.parts, spec, resolve, reject));
  });
}

/** Decides on a part when it starts, so that a second file is refused before it takes memory. */
function begin(form: Incoming, name = ''): { name: string; limit: number } | undefined {
  const { spec, begun, fail } = form;
  const limit = name === spec.file ? spec.maxFileBytes : name === 'metadata' ? spec.maxMetadataBytes : undefined;
  if (limit === undefined) return void fail(invalidField('body', `only the parts ${spec.file} and metadata are known`));
  if (begun.has(name)) return void fail(invalidField(name, 'comes twice'));
  begun.add(name);
  return { name, limit };
}

function takeFile(form: Incoming, name: string | undefined, stream: Readable): void {
  const part = begin(form, name);
  // Destroying the parser ends the part with an error, when the form has failed for another reason already.
  if (part === undefined) return void stream.on('error', () => undefined).resume();
  const read = readPart(stream, part.limit).then(
    (bytes) =>
      bytes === undefined ? form.fail(tooLarge(part.name, part.limit)) : void form.parts.set(part.name, bytes),
    () => form.fail(invalidField(part.name, 'the upload was broken off')),
  );
  form.reading.push(read);
}

function takeField(form: Incoming, name: string | undefined, value: string): void {
  const part = begin(form, name);
  if (part === undefined) return;
  if (part.name === form.spec.file) form.fail(invalidField(part.name, 'must be sent as a file'));
  else if (Buffer.byteLength(value) > part.limit) form.fail(tooLarge(part.name, part.limit));
  else form.parts.set(part.name, Buffer.from(value));
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
