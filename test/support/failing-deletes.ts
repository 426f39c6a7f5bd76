import { createServer, request, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** What became of the delete requests since the proxy began to fail them. */
export interface DeletesSeen {
  passed: number;
  refused: number;
  /** Done by the server, and never answered. */
  cutOff: number;
}

export interface FailingDeletes {
  readonly endpoint: string;
  readonly seen: DeletesSeen;
  /** From now on half of all deletes fail: by turns with status 500, and with a connection that ends without answer. */
  begin(): void;
  stop(): Promise<void>;
}

/** An S3 endpoint that passes everything on, but for deletes. The same seed fails the same ones. */
export async function startFailingDeletes(upstream: string, seed: number): Promise<FailingDeletes> {
  const seen: DeletesSeen = { passed: 0, refused: 0, cutOff: 0 };
  const random = generator(seed);
  let failing = false;
  const fateOf = (incoming: IncomingMessage): keyof DeletesSeen => {
    if (!failing || !isDelete(incoming)) return 'passed';
    const fate = random() < 0.5 ? 'passed' : seen.refused > seen.cutOff ? 'cutOff' : 'refused';
    seen[fate] += 1;
    return fate;
  };
  const server = createServer((incoming, outgoing) => {
    const fate = fateOf(incoming);
    if (fate === 'refused') refuse(incoming, outgoing);
    else passOn(upstream, incoming, outgoing, fate === 'cutOff');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    seen,
    begin: () => (failing = true),
    stop: () => new Promise((resolve) => (server.close(() => resolve()), server.closeAllConnections())),
  };
}

/** DeleteObject and AbortMultipartUpload by their method, DeleteObjects by its query. */
function isDelete({ method, url }: IncomingMessage): boolean {
  return method === 'DELETE' || (method === 'POST' && new URL(url ?? '/', 'http://s3').searchParams.has('delete'));
}

function refuse(incoming: IncomingMessage, outgoing: ServerResponse): void {
  incoming.resume();
  const body = '<?xml version="1.0"?><Error><Code>InternalError</Code><Message>no</Message></Error>';
  outgoing.writeHead(500, { 'content-type': 'application/xml' }).end(body);
}

/** The request as it was signed: with the name of the host that the client knows. */
function passOn(upstream: string, incoming: IncomingMessage, outgoing: ServerResponse, unanswered: boolean): void {
  const { hostname, port } = new URL(upstream);
  const { method, url: path, headers } = incoming;
  const passed = request({ hostname, port, method, path, headers }, (answer) => {
    if (unanswered) return void answer.resume().once('end', () => outgoing.destroy());
    outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
    answer.pipe(outgoing);
  });
  passed.on('error', () => outgoing.destroy());
  incoming.pipe(passed);
}

/** Numbers from 0 to 1 that depend on the seed alone (mulberry32). */
function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
