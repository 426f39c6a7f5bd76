import type { Answer, Interaction, Retrieval, TestEarshot } from './earshot.ts';
import { until } from './until.ts';

/** Speaks to a running Earshot with the key of one tenant. */
export interface TenantClient {
  request<T = Record<string, unknown>>(method: string, path: string, body?: unknown): Promise<Answer<T>>;
  upload(path: string, part: string, bytes: Uint8Array, metadata: unknown): Promise<Answer<{ interactionId: string }>>;
  message(customerId: string, messageId: string, text: string): Promise<Answer<{ interactionId: string }>>;
  retrieve(body: Record<string, unknown>): Promise<Retrieval>;
  reachable(interactionId: string): Promise<Interaction>;
}

export function tenantClient({ env }: TestEarshot, key: string): TenantClient {
  const send = async <T>(method: string, path: string, init: RequestInit): Promise<Answer<T>> => {
    const headers = { authorization: `Bearer ${key}`, ...(init.headers as Record<string, string>) };
    const response = await fetch(`http://127.0.0.1:${env['PORT']}${path}`, { ...init, method, headers });
    const text = response.headers.get('content-type')?.startsWith('text/event-stream')
      ? await firstEvent(response)
      : await response.text();
    return { status: response.status, headers: response.headers, body: (isJson(text) ? JSON.parse(text) : text) as T };
  };
  const client: TenantClient = {
    request: (method, path, body) =>
      send(method, path, {
        headers: body === undefined ? {} : { 'content-type': 'application/json' },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      }),
    upload: (path, part, bytes, metadata) => {
      const form = new FormData();
      form.append('metadata', JSON.stringify(metadata));
      form.append(part, new Blob([new Uint8Array(bytes)]), 'upload');
      return send('POST', path, { body: form });
    },
    message: (customerId, messageId, text) =>
      client.request('POST', `/v1/chats/chat-of-${customerId}/messages`, {
        ...{ customerId, messageId, text },
        ...{ sentAt: new Date().toISOString(), author: 'customer' },
      }),
    retrieve: async (body) => (await client.request<Retrieval>('POST', '/v1/retrieve', body)).body,
    reachable: (interactionId) =>
      until(`record ${interactionId} is reachable`, async () => {
        const { body } = await client.request<Interaction>('GET', `/v1/interactions/${interactionId}`);
        return body.state === 'reachable' && body;
      }),
  };
  return client;
}

async function firstEvent(response: Response): Promise<string> {
  const reader = response.body!.getReader();
  const { value } = (await reader.read()) as { value?: Uint8Array };
  await reader.cancel();
  return Buffer.from(value ?? []).toString();
}

function isJson(text: string): boolean {
  return text.startsWith('{');
}
