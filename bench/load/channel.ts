import http from 'node:http';
import https from 'node:https';
import { retryAfterMs } from '../../src/models/openai-client.ts';
import type { ChannelRequest } from './requests.ts';

export interface ChannelAnswer {
  readonly status: number;
  readonly retryAfterMs: number | undefined;
  readonly body: Readonly<Record<string, unknown>>;
}

/** Sends to Earshot over a bounded number of sockets; what finds none free waits for one, and its time goes on. */
export interface Channel {
  /** @throws Error when there was no whole answer: what became of the request is not known then. */
  post(request: ChannelRequest): Promise<ChannelAnswer>;
  get(path: string): Promise<ChannelAnswer>;
  close(): void;
}

/** Longer than the API takes for anything that it answers at all. */
const TIMEOUT_MS = 120_000;

export function openChannel(url: string, apiKey: string, sockets: number): Channel {
  const { request: open, Agent } = url.startsWith('https:') ? https : http;
  const agent = new Agent({ keepAlive: true, maxSockets: sockets });
  const send = (method: string, path: string, contentType?: string, body: readonly Uint8Array[] = []) =>
    new Promise<ChannelAnswer>((resolve, reject) => {
      const headers = {
        authorization: `Bearer ${apiKey}`,
        ...(contentType === undefined ? {} : { 'content-type': contentType }),
        'content-length': body.reduce((sum, part) => sum + part.length, 0),
      };
      const request = open(new URL(path, url), { method, agent, headers, timeout: TIMEOUT_MS });
      request.once('timeout', () => request.destroy(new Error('no answer in time')));
      request.once('error', reject);
      request.once('response', (response) => void readAnswer(response).then(resolve, reject));
      for (const part of body) request.write(part);
      request.end();
    });
  return {
    post: ({ path, contentType, body }) => send('POST', path, contentType, body),
    get: (path) => send('GET', path),
    close: () => agent.destroy(),
  };
}

async function readAnswer(response: http.IncomingMessage): Promise<ChannelAnswer> {
  const parts: Buffer[] = [];
  for await (const part of response as AsyncIterable<Buffer>) parts.push(part);
  const text = Buffer.concat(parts).toString();
  const wait = response.headers['retry-after'];
  return {
    status: response.statusCode ?? 0,
    retryAfterMs: wait === undefined ? undefined : retryAfterMs(new Headers({ 'retry-after': wait })),
    body: parsed(text),
  };
}

function parsed(text: string): Readonly<Record<string, unknown>> {
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch {
    return { text };
  }
}
