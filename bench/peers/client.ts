import { Agent, request } from 'node:http';
import type { ChatMessage } from './messages.ts';

/** Hands messages to a contender over connections that stay open, as a channel does. Costs as little as it can. */
export class ChannelClient {
  readonly #url: URL;
  readonly #headers: Record<string, string>;
  readonly #agent: Agent;

  constructor(url: string, apiKey: string, connections: number) {
    this.#url = new URL(url);
    this.#headers = { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json' };
    this.#agent = new Agent({ keepAlive: true, maxSockets: connections });
  }

  /** Sends a message once; answers the status, or 0 when no answer came. */
  send(message: ChatMessage): Promise<number> {
    const { conversationId, ...rest } = message;
    const body = JSON.stringify(rest);
    return new Promise((resolve) => {
      const sent = request(
        {
          host: this.#url.hostname,
          port: this.#url.port,
          path: `/v1/chats/${conversationId}/messages`,
          method: 'POST',
          agent: this.#agent,
          headers: { ...this.#headers, 'content-length': Buffer.byteLength(body) },
        },
        (answer) => {
          answer.resume();
          answer.once('end', () => resolve(answer.statusCode ?? 0)).once('error', () => resolve(0));
        },
      );
      sent.once('error', () => resolve(0));
      sent.end(body);
    });
  }

  close(): void {
    this.#agent.destroy();
  }
}

export function isAcknowledged(status: number): boolean {
  return status >= 200 && status < 300;
}
