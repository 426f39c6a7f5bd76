import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { until } from './until.ts';

export type ModelRoute = 'embeddings' | 'transcriptions' | 'screen_text' | 'screen_caption';

/** What the next call of a route gets instead of a good answer. */
export type Fault =
  | { readonly kind: 'status'; readonly status: number; readonly retryAfter?: string }
  | { readonly kind: 'body'; readonly body: string; readonly type?: string }
  /** Headers, a part of the body, then silence. */
  | { readonly kind: 'stall' }
  | { readonly kind: 'reset' }
  /** A good answer, changed. */
  | { readonly kind: 'change'; change(answer: never): unknown };

export interface ModelCall {
  readonly route: ModelRoute;
  readonly inputs: readonly string[];
  readonly model: string | undefined;
  readonly encodingFormat: string | undefined;
  /** Requests for the same model that were not answered yet when it came, itself among them. */
  readonly inFlight: number;
  /** When it came, of the clock of performance.now, in milliseconds. */
  readonly at: number;
}

export interface FakeModels {
  readonly url: string;
  readonly calls: ModelCall[];
  /** Faults by route, taken in order; `always` stays. */
  fail(route: ModelRoute, ...faults: Fault[]): void;
  failAlways(route: ModelRoute, fault: Fault): void;
  heal(): void;
  /** What recognition says. */
  transcript: string;
  screenLines: string[];
  caption: string;
  /** Texts to embed that have this word are refused, by this status. */
  poison: string | undefined;
  poisonStatus: number;
  /** The model of this name does not answer. */
  down: string | undefined;
  /** While set, answers wait; with `heldRoute`, only those of this route. */
  hold: Promise<void> | undefined;
  heldRoute: ModelRoute | undefined;
  /** With it, only those of this model. */
  heldModel: string | undefined;
  /** How long each answer takes. */
  latencyMs: number;
  stop(): Promise<void>;
}

export const DIMENSIONS = 384;

/** An OpenAI-compatible server with made-up but well-formed answers, and every fault that a real one has shown. */
export async function startFakeModels(): Promise<FakeModels> {
  const queues = new Map<ModelRoute, Fault[]>();
  const constant = new Map<ModelRoute, Fault>();
  const underWay = new Map<string | undefined, number>();
  const server = createServer((request, response) => {
    answer(request, response).catch(() => response.destroy());
  });
  const answer = async (request: IncomingMessage, response: ServerResponse) => {
    const at = performance.now();
    const body = await readAll(request);
    const described = describeCall(request.url ?? '', body);
    const inFlight = (underWay.get(described.model) ?? 0) + 1;
    const call = { ...described, inFlight, at };
    fake.calls.push(call);
    underWay.set(call.model, inFlight);
    response.once('close', () => underWay.set(call.model, underWay.get(call.model)! - 1));
    if ((fake.heldRoute ?? call.route) === call.route && (fake.heldModel ?? call.model) === call.model) await fake.hold;
    if (fake.latencyMs > 0) await delay(fake.latencyMs);
    const fault = queues.get(call.route)?.shift() ?? constant.get(call.route) ?? faultOf(fake, call);
    sendAnswer(response, goodAnswer(fake, call), fault);
  };
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const fake: FakeModels = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
    calls: [],
    fail: (route, ...faults) => void queues.set(route, [...(queues.get(route) ?? []), ...faults]),
    failAlways: (route, fault) => void constant.set(route, fault),
    heal: () => (queues.clear(), constant.clear()),
    transcript: 'The parcel has not arrived and the customer asks for a replacement.',
    screenLines: ['Checkout', 'Error code: PAY-4012'],
    caption: 'A checkout page with a red banner.',
    poison: undefined,
    poisonStatus: 400,
    down: undefined,
    hold: undefined,
    heldRoute: undefined,
    heldModel: undefined,
    latencyMs: 0,
    stop: () => new Promise((resolve) => (server.close(() => resolve()), server.closeAllConnections())),
  };
  return fake;
}

/** Lets calls of a route wait until they are released. */
export function holdRoute(
  models: FakeModels,
  route: ModelRoute,
  model?: string,
): { arrived(): Promise<void>; release(): void } {
  const { promise, resolve } = Promise.withResolvers<void>();
  const known = models.calls.length;
  Object.assign(models, { hold: promise, heldRoute: route, heldModel: model });
  return {
    arrived: async () => {
      const isHeld = (call: ModelCall, index: number) =>
        index >= known && call.route === route && (model ?? call.model) === call.model;
      await until(`${route} is asked for`, () => models.calls.some(isHeld));
    },
    release: () => {
      Object.assign(models, { hold: undefined, heldRoute: undefined, heldModel: undefined });
      resolve();
    },
  };
}

async function readAll(request: IncomingMessage): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of request as AsyncIterable<Buffer>) parts.push(part);
  return Buffer.concat(parts);
}

function describeCall(url: string, body: Buffer): Omit<ModelCall, 'inFlight' | 'at'> {
  if (url.endsWith('/audio/transcriptions'))
    return { route: 'transcriptions', inputs: [], model: fieldOf(body, 'model'), encodingFormat: undefined };
  const json = JSON.parse(body.toString()) as {
    model?: string;
    input?: string[];
    encoding_format?: string;
    response_format?: { json_schema?: { name: 'screen_text' | 'screen_caption' } };
  };
  const route = url.endsWith('/embeddings')
    ? 'embeddings'
    : (json.response_format?.json_schema?.name ?? 'screen_caption');
  return { route, inputs: json.input ?? [], model: json.model, encodingFormat: json.encoding_format };
}

/** A field of a form with files. */
function fieldOf(form: Buffer, name: string): string | undefined {
  return new RegExp(`name="${name}"\\r\\n\\r\\n([^\\r]*)`).exec(form.toString('latin1'))?.[1];
}

/** A model named `fake-512` has 512 dimensions and vectors of its own; others have 384. */
export function fakeDimensions(model: string | undefined): number {
  return Number(/^fake-(\d+)$/.exec(model ?? '')?.[1] ?? DIMENSIONS);
}

/** A unit vector that depends on the words alone: texts that share words are near each other. */
export function fakeVector(text: string, dimensions: number = DIMENSIONS): number[] {
  const vector = Array.from({ length: dimensions }, () => 0);
  for (const word of text.toLowerCase().match(/\w+/g) ?? ['']) {
    const digest = createHash('sha256').update(word).digest();
    vector[digest.readUInt16BE(0) % dimensions]! += 1;
    vector[digest.readUInt16BE(2) % dimensions]! += 1;
  }
  const norm = Math.hypot(...vector);
  return vector.map((value) => value / norm);
}

function faultOf({ poison, poisonStatus, down }: FakeModels, { inputs, model }: ModelCall): Fault | undefined {
  if (down !== undefined && model === down) return { kind: 'status', status: 503 };
  const poisoned = poison !== undefined && inputs.some((text) => text.includes(poison));
  return poisoned ? { kind: 'status', status: poisonStatus } : undefined;
}

function goodAnswer(fake: FakeModels, { route, inputs, model }: ModelCall): unknown {
  if (route === 'embeddings') {
    const dimensions = fakeDimensions(model);
    const data = inputs.map((text, index) => ({ object: 'embedding', index, embedding: fakeVector(text, dimensions) }));
    return { object: 'list', model: 'fake-embedding', data, usage: { prompt_tokens: 1, total_tokens: 1 } };
  }
  if (route === 'transcriptions') {
    const segment = { id: 0, start: 0, end: 1, text: fake.transcript, avg_logprob: -0.2, no_speech_prob: 0.01 };
    return {
      duration: 600,
      language: 'english',
      text: fake.transcript,
      segments: fake.transcript === '' ? [] : [segment],
    };
  }
  const box = (index: number) => ({ x: 10, y: 20 * index, width: 100, height: 18 });
  const lines = fake.screenLines.map((text, index) => ({ text, confidence: 0.9, box: box(index) }));
  const content = JSON.stringify(route === 'screen_text' ? { lines } : { caption: fake.caption, confidence: 0.8 });
  return {
    model: 'fake-vision',
    choices: [{ index: 0, finish_reason: 'stop', message: { role: 'assistant', content } }],
  };
}

function sendAnswer(response: ServerResponse, good: unknown, fault: Fault | undefined): void {
  if (fault?.kind === 'reset') return void response.destroy();
  if (fault?.kind === 'status') {
    if (fault.retryAfter !== undefined) response.setHeader('retry-after', fault.retryAfter);
    return void response
      .writeHead(fault.status, { 'content-type': 'application/json' })
      .end('{"error":{"message":"no"}}');
  }
  const body =
    fault?.kind === 'body' ? fault.body : JSON.stringify(fault?.kind === 'change' ? fault.change(good as never) : good);
  const type = (fault?.kind === 'body' ? fault.type : undefined) ?? 'application/json';
  response.writeHead(200, { 'content-type': type, 'content-length': Buffer.byteLength(body) });
  if (fault?.kind === 'stall') return void response.write(body.slice(0, 10));
  response.end(body);
}
