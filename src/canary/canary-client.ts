import type { PlantedRecord } from '../domain/canary.ts';
import type { Modality } from '../domain/interaction.ts';
import { errorForLog } from '../observe/log.ts';

/** Earshot's own public API, as any channel and copilot reach it. */
export interface CanaryAccess {
  readonly url: string;
  keyOf(tenant: string): string;
}

/** What one result of a search tells a canary. */
export interface CanaryHit {
  readonly chunkId: string;
  readonly customerId: string;
}

export interface CanaryQuestion {
  readonly query: string;
  readonly mode: 'hybrid' | 'vector' | 'text';
  readonly customerId?: string;
  readonly modalities?: readonly Modality[];
}

/** A request that takes longer has failed. */
const TIMEOUT_MS = 15_000;

/** The most that the endpoint gives. */
const RESULTS = 50;

/** Why a request gave nothing, as a word for the log. */
export class CanaryRefused extends Error {
  readonly status: number | undefined;

  constructor(status: number | undefined, reason: string) {
    super(reason);
    this.status = status;
  }
}

/** Speaks for the canaries of one tenant. */
export class CanaryClient {
  readonly #url: string;
  readonly #key: string;
  readonly #signal: AbortSignal;

  /** @param signal ends its requests, which are then refused. */
  constructor(access: CanaryAccess, tenant: string, signal: AbortSignal) {
    this.#signal = signal;
    this.#url = access.url;
    this.#key = access.keyOf(tenant);
  }

  /** @throws CanaryRefused */
  message(conversationId: string, body: Readonly<Record<string, string>>): Promise<PlantedRecord> {
    return this.#json(`/v1/chats/${conversationId}/messages`, body);
  }

  /** @throws CanaryRefused */
  upload(
    path: '/v1/calls' | '/v1/screenshots',
    part: 'audio' | 'image',
    bytes: Buffer,
    metadata: Readonly<Record<string, string>>,
  ): Promise<PlantedRecord> {
    const form = new FormData();
    form.append('metadata', JSON.stringify(metadata));
    form.append(part, new Blob([new Uint8Array(bytes)]), 'canary');
    return this.#send(path, { body: form, headers: {} });
  }

  /** @throws CanaryRefused */
  async ask(question: CanaryQuestion): Promise<readonly CanaryHit[]> {
    const { results } = await this.#json<{ results: CanaryHit[] }>('/v1/retrieve', { ...question, k: RESULTS });
    return results;
  }

  #json<T>(path: string, body: unknown): Promise<T> {
    return this.#send(path, { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } });
  }

  async #send<T>(path: string, init: { body: string | FormData; headers: Record<string, string> }): Promise<T> {
    const response = await fetch(new URL(path, this.#url), {
      method: 'POST',
      body: init.body,
      headers: { ...init.headers, authorization: `Bearer ${this.#key}` },
      signal: AbortSignal.any([this.#signal, AbortSignal.timeout(TIMEOUT_MS)]),
    }).catch((error: unknown) => {
      throw new CanaryRefused(undefined, errorForLog(error).reason);
    });
    if (!response.ok) {
      await response.body?.cancel();
      throw new CanaryRefused(response.status, `status ${response.status}`);
    }
    return (await response.json()) as T;
  }
}
