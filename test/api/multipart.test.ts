import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readMultipart, type MultipartBody } from '../../src/api/multipart.ts';
import type { EarshotError } from '../../src/domain/errors.ts';
import { until } from '../support/until.ts';

const spec = { file: 'audio', maxFileBytes: 100_000, maxMetadataBytes: 1_000 } as const;
const sound = Buffer.from(Array.from({ length: 5_000 }, (_, index) => index % 251));

interface Answer {
  readonly status: number;
  readonly code?: string;
  readonly field?: string;
}

let server: Server;
let received: MultipartBody[] = [];
let refused: unknown[] = [];

beforeAll(async () => {
  server = createServer((request, response) => void answer(request, response));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  if (request.url === '/after-the-client-left') await new Promise((resolve) => request.once('close', resolve));
  try {
    received.push(await readMultipart(request, spec));
    response.end('{}');
  } catch (error) {
    refused.push(error);
    const { status, code, fields } = error as EarshotError;
    response.statusCode = status;
    response.end(JSON.stringify({ code, field: fields[0]?.field }));
  }
}

afterAll(() => new Promise((resolve) => server.close(resolve)));

async function post(body: FormData | string | Buffer, headers: Record<string, string> = {}): Promise<Answer> {
  const response = await fetch(`http://127.0.0.1:${port()}`, { method: 'POST', body, headers });
  return { status: response.status, ...((await response.json()) as object) };
}

const port = () => (server.address() as AddressInfo).port;

type Part = readonly [name: string, value: string | Blob];

function form(...parts: readonly Part[]): FormData {
  const data = new FormData();
  for (const [name, value] of parts) {
    if (typeof value === 'string') data.append(name, value);
    else data.append(name, value, `${name}.bin`);
  }
  return data;
}

const file: Part = ['audio', new Blob([sound])];
const metadata: Part = ['metadata', '{"callId":"c-1"}'];

describe('an upload', () => {
  it.each([
    ['file first', form(file, metadata)],
    ['metadata first', form(metadata, file)],
    ['metadata as a file', form(file, ['metadata', new Blob([metadata[1]], { type: 'application/json' })])],
  ])('arrives whole: %s', async (_, body) => {
    received = [];
    expect((await post(body)).status).toBe(200);
    expect(received).toEqual([{ file: sound, metadata: { callId: 'c-1' } }]);
  });

  it.each([
    ['no file', form(metadata), 'audio'],
    ['an empty file', form(['audio', new Blob([])], metadata), 'audio'],
    ['the file as text', form(['audio', 'sound'], metadata), 'audio'],
    ['no metadata', form(file), 'metadata'],
    ['metadata that is not JSON', form(file, ['metadata', '{"callId":']), 'metadata'],
    ['two files', form(file, file, metadata), 'audio'],
    ['metadata twice', form(metadata, metadata, file), 'metadata'],
    ['a part of another name', form(file, metadata, ['image', 'x']), 'body'],
    ['a part named like a member of every object', form(['constructor', new Blob([sound])], metadata), 'body'],
    ['many parts', form(file, metadata, ['a', '1'], ['b', '2'], ['c', '3']), 'body'],
  ])('is refused with its field: %s', async (_, body, field) => {
    expect(await post(body)).toEqual({ status: 400, code: 'invalid_request', field });
  });

  it.each([
    ['file', form(['audio', new Blob([Buffer.alloc(spec.maxFileBytes + 1)])], metadata), 'audio'],
    ['file far over', form(['audio', new Blob([Buffer.alloc(8_000_000)])], metadata), 'audio'],
    ['metadata', form(file, ['metadata', JSON.stringify('x'.repeat(1_000))]), 'metadata'],
    ['metadata in a file', form(file, ['metadata', new Blob([`"${'x'.repeat(1_000)}"`])]), 'metadata'],
  ])('over the limit gets its answer, and the connection stays usable: %s', async (_, body, field) => {
    expect(await post(body)).toEqual({ status: 413, code: 'too_large', field });
    expect((await post(form(file, metadata))).status).toBe(200);
  });

  it('of exactly the limit is taken', async () => {
    const most = form(['audio', new Blob([Buffer.alloc(spec.maxFileBytes)])], ['metadata', `"${'x'.repeat(998)}"`]);
    expect((await post(most)).status).toBe(200);
  });

  it('of another content type is refused', async () => {
    expect(await post('{}', { 'content-type': 'application/json' })).toMatchObject({ status: 415 });
    expect(await post('{}', { 'content-type': 'multipart/form-data' })).toMatchObject({ status: 415 });
  });

  it('that ends before its last boundary is refused', async () => {
    const request = new Request('http://x', { method: 'POST', body: form(metadata, file) });
    const type = request.headers.get('content-type') ?? '';
    const whole = Buffer.from(await request.arrayBuffer());
    for (const bytes of [0, 10, 90, 200, 2_000, whole.length - 10]) {
      expect(await post(whole.subarray(0, bytes), { 'content-type': type })).toMatchObject({ status: 400 });
    }
  });
});

describe('a client that leaves in the middle of its upload', () => {
  const start = '--b\r\ncontent-disposition: form-data; name="audio"; filename="a"\r\n\r\nsound';
  const headers = 'host: x\r\ncontent-type: multipart/form-data; boundary=b\r\ncontent-length: 50000\r\n\r\n';

  it.each([
    ['while it is read', '/', (request: IncomingMessage) => request.readableFlowing === true],
    ['before the reading began', '/after-the-client-left', () => true],
  ])('ends the reading, which holds nothing more: %s', async (_, path, ready) => {
    refused = [];
    const incoming = new Promise<IncomingMessage>((resolve) => server.once('request', resolve));
    const socket = connect(port(), '127.0.0.1', () => socket.write(`POST ${path} HTTP/1.1\r\n${headers}${start}`));
    const request = await incoming;
    await until('the server is where the client leaves', () => ready(request));
    socket.destroy();
    await until('the reading ends', () => refused.length === 1);
    expect(refused[0]).toMatchObject({ code: 'invalid_request', fields: [{ field: 'audio' }] });
    expect(request.listenerCount('data')).toBe(0);
  });
});
