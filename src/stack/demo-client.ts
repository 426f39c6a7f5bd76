import { readFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';

/** What the demo reads of answers. */
export interface DemoHit {
  readonly text: string;
  readonly modality: string;
  readonly conversationId: string | null;
  readonly place: { readonly kind: string; readonly startMs?: number; readonly x?: number; readonly y?: number };
  readonly freshness: Readonly<Record<string, number | null>>;
}

export interface DemoAnswer {
  readonly results: readonly DemoHit[];
  readonly pending: readonly { readonly stage: string }[];
}

/** Speaks to the REST API as a channel and a copilot would. */
export class DemoClient {
  readonly #url: string;
  readonly #headers: Record<string, string>;

  constructor(url: string, apiKey: string) {
    this.#url = url;
    this.#headers = { authorization: `Bearer ${apiKey}` };
  }

  async post<T>(path: string, body: unknown): Promise<T> {
    const headers = { ...this.#headers, 'content-type': 'application/json' };
    return this.#answer(path, { method: 'POST', headers, body: JSON.stringify(body) });
  }

  async upload(
    path: string,
    part: 'audio' | 'image',
    file: string,
    metadata: unknown,
  ): Promise<{ interactionId: string }> {
    const body = new FormData();
    body.append(part, new Blob([new Uint8Array(await readFile(file))]), file);
    body.append('metadata', JSON.stringify(metadata));
    return this.#answer(path, { method: 'POST', headers: this.#headers, body });
  }

  async get<T>(path: string): Promise<T> {
    return this.#answer(path, { headers: this.#headers });
  }

  /** Waits until a record is reachable; answers how it ended. */
  async untilSettled(interactionId: string): Promise<string> {
    for (;;) {
      const { state } = await this.get<{ state: string }>(`/v1/interactions/${interactionId}`);
      if (state !== 'accepted' && state !== 'processing') return state;
      await delay(200);
    }
  }

  async #answer<T>(path: string, init: RequestInit): Promise<T> {
    const response = await fetch(`${this.#url}${path}`, init);
    const text = await response.text();
    if (!response.ok) throw new Error(`${path} answered ${response.status}: ${text}`);
    return JSON.parse(text) as T;
  }
}
