import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { randomOf } from '../random.ts';
import { readForm, readJson, type EmbeddingRequest, type PictureRequest } from './bodies.ts';
import { secondsOf, transcriptOf } from './hearing.ts';
import { laneOf } from './lane.ts';
import { STUB_DEFAULTS, type StubOptions } from './options.ts';
import { Refusal } from './refusal.ts';
import { screenOf } from './sight.ts';
import { Tally, type StubRoute, type StubStats } from './tally.ts';
import { inBase64, vectorsOf } from './vectors.ts';

export interface StubModels {
  /** For OPENAI_BASE_URL: it ends in `/v1`. */
  readonly url: string;
  stats(): Promise<StubStats>;
  /** Counts from nothing. */
  resetStats(): Promise<void>;
  stop(): Promise<void>;
}

type Handler = (request: IncomingMessage, tell: (route: StubRoute) => void) => Promise<unknown>;

/** OpenAI's own limit. */
const MAX_INPUTS = 2_048;
const MAX_DIMENSIONS = 4_096;
const CHARACTERS_PER_TOKEN = 4;

/**
 * An OpenAI-compatible model server that makes its answers up, with the latencies of a real one: for loads that are to
 * test the system and not the CPU. It takes `POST /v1/embeddings` (encodings float and base64, `dimensions`),
 * `POST /v1/audio/transcriptions` (`json`, `verbose_json`) and `POST /v1/chat/completions` with a picture (schemas
 * `screen_text` and `screen_caption`), any model name, and any API key. The same request always gets the same answer.
 * `GET /stats` counts, `DELETE /stats` counts from nothing, `GET /healthz` tells that it is up.
 *
 * In this process; `startStubModels` in start.ts runs it in one of its own.
 */
export async function serveStubModels(given: Partial<StubOptions> = {}): Promise<StubModels> {
  const options = { ...STUB_DEFAULTS, ...given };
  const tally = new Tally();
  const random = randomOf(options.seed);
  const handlers = handlersOf(options, tally);
  const server = createServer((request, response) => {
    void answer(request, response).catch(() => response.destroy());
  });
  const answer = async (request: IncomingMessage, response: ServerResponse) => {
    const path = new URL(request.url ?? '/', 'http://stub').pathname;
    if (path === '/healthz') return send(response, 200, { status: 'up' });
    if (path === '/stats' && request.method === 'DELETE') return (tally.reset(), send(response, 200, tally.read()));
    if (path === '/stats') return send(response, 200, tally.read());
    const handler = request.method === 'POST' ? handlers.get(path) : undefined;
    if (handler === undefined) return refuse(response, new Refusal(404, 'there is no such route'));
    const fails = random.next() < options.failureRate;
    let route: StubRoute | undefined;
    let failed = true;
    try {
      const body = await handler(request, (told) => {
        route = told;
        tally.begin(told);
        if (fails) throw new Refusal(503, 'failing on purpose');
      });
      failed = false;
      send(response, 200, body);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      refuse(response, error);
    } finally {
      if (route !== undefined) tally.end(route, failed);
    }
  };
  server.keepAliveTimeout = 65_000;
  await new Promise<void>((resolve) => server.listen(options.port, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
    stats: () => Promise.resolve(tally.read()),
    resetStats: () => Promise.resolve(tally.reset()),
    stop: () => new Promise((resolve) => (server.close(() => resolve()), server.closeAllConnections())),
  };
}

function handlersOf(options: StubOptions, tally: Tally): ReadonlyMap<string, Handler> {
  const { seed, jitter } = options;
  const embedding = laneOf(options.embeddingConcurrency, jitter, randomOf(seed + 1));
  const speech = laneOf(options.speechConcurrency, jitter, randomOf(seed + 2));
  const vision = laneOf(options.visionConcurrency, jitter, randomOf(seed + 3));
  const vectorOf = vectorsOf();
  const embed: Handler = async (request, tell) => {
    const body = await readJson<EmbeddingRequest>(request);
    tell('embeddings');
    const texts = textsOf(body);
    const dimensions = body.dimensions ?? options.dimensions;
    if (!(Number.isInteger(dimensions) && dimensions > 0 && dimensions <= MAX_DIMENSIONS)) {
      throw new Refusal(400, `dimensions must be 1 to ${MAX_DIMENSIONS}`);
    }
    tally.items('embeddings', texts.length);
    await embedding.take(options.embeddingBaseMs + options.embeddingPerItemMs * texts.length);
    const data = texts.map((text, index) => {
      const vector = vectorOf(text, dimensions);
      return { object: 'embedding', index, embedding: body.encoding_format === 'base64' ? inBase64(vector) : vector };
    });
    const tokens = tokensOf(texts);
    return { object: 'list', model: body.model, data, usage: { prompt_tokens: tokens, total_tokens: tokens } };
  };
  const transcribe: Handler = async (request, tell) => {
    const { file, fields } = await readForm(request);
    tell('transcriptions');
    if (file === undefined) throw new Refusal(400, 'the form has no file');
    const seconds = secondsOf(file);
    tally.items('transcriptions', seconds);
    await speech.take((seconds / options.speechRealTimeFactor) * 1000);
    const wantsWords = fields.get('timestamp_granularities[]')?.includes('word') ?? false;
    const transcript = transcriptOf(file, wantsWords);
    if (fields.get('response_format')?.[0] === 'verbose_json') return transcript;
    return { text: transcript['text'], usage: transcript['usage'] };
  };
  const look: Handler = async (request, tell) => {
    const body = await readJson<PictureRequest>(request);
    const wantsText = body.response_format?.json_schema?.name === 'screen_text';
    const route = wantsText ? 'screen_text' : 'caption';
    tell(route);
    const picture = pictureOf(body);
    tally.items(route, 1);
    await vision.take(wantsText ? options.screenTextMs : options.captionMs);
    const { lines, caption } = screenOf(picture);
    const isPlain = body.response_format?.json_schema === undefined;
    const content = JSON.stringify(wantsText ? { lines } : { caption, confidence: 0.8 });
    return completionOf(body.model, isPlain ? caption : content);
  };
  return new Map([
    ['/v1/embeddings', embed],
    ['/v1/audio/transcriptions', transcribe],
    ['/v1/chat/completions', look],
  ]);
}

function textsOf({ input }: EmbeddingRequest): readonly string[] {
  const texts = typeof input === 'string' ? [input] : (input ?? []);
  const isWhole =
    texts.length >= 1 && texts.length <= MAX_INPUTS && texts.every((text) => typeof text === 'string' && text !== '');
  if (!isWhole) throw new Refusal(400, `input must be a text or 1 to ${MAX_INPUTS} texts, none of them empty`);
  return texts;
}

function pictureOf({ messages }: PictureRequest): string {
  const parts = (messages ?? []).flatMap(({ content }) => (typeof content === 'string' ? [] : (content ?? [])));
  const [url, second] = parts.flatMap(({ image_url: image }) => image?.url ?? []);
  if (url === undefined || second !== undefined || !url.startsWith('data:image/')) {
    throw new Refusal(400, 'send one picture as a data URL');
  }
  return url;
}

function completionOf(model: string, content: string): unknown {
  const tokens = tokensOf([content]);
  return {
    id: 'chatcmpl-stub',
    object: 'chat.completion',
    created: 0,
    model,
    choices: [
      { index: 0, message: { role: 'assistant', content, refusal: null }, finish_reason: 'stop', logprobs: null },
    ],
    usage: { prompt_tokens: 0, completion_tokens: tokens, total_tokens: tokens },
  };
}

function tokensOf(texts: readonly string[]): number {
  return texts.reduce((sum, text) => sum + Math.ceil(text.length / CHARACTERS_PER_TOKEN), 0);
}

function refuse(response: ServerResponse, { status, message }: Refusal): void {
  send(response, status, { error: { message, type: status < 500 ? 'invalid_request_error' : 'server_error' } });
}

function send(response: ServerResponse, status: number, body: unknown): void {
  const bytes = Buffer.from(JSON.stringify(body));
  response.writeHead(status, { 'content-type': 'application/json', 'content-length': bytes.length }).end(bytes);
}
