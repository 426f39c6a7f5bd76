import { setTimeout as delay } from 'node:timers/promises';
import { isAcknowledged, type ChannelClient } from './client.ts';
import type { ChatMessage } from './messages.ts';

/** Before a message that was refused, or not answered, is sent again. */
const AGAIN_AFTER_MS = 50;

/** A channel gives up on nobody for less than this. */
const PATIENCE_MS = 180_000;

export interface Sent {
  /** From handing over a message to its acknowledgement, repeats included. */
  readonly answerMs: readonly number[];
  /** Requests that got no 2xx. */
  readonly repeats: number;
}

/**
 * Sends messages, some at a time, each until it is acknowledged, as a channel does that may lose none.
 *
 * @throws Error when one is not acknowledged within three minutes.
 */
export async function sendAll(
  client: ChannelClient,
  messages: readonly ChatMessage[],
  concurrency: number,
  acknowledged: (message: ChatMessage) => void | Promise<void> = () => undefined,
): Promise<Sent> {
  const answerMs: number[] = [];
  let repeats = 0;
  const next = messages[Symbol.iterator]();
  const sender = async () => {
    for (const message of next) {
      const asked = performance.now();
      for (;;) {
        const status = await client.send(message);
        if (isAcknowledged(status)) break;
        if (performance.now() - asked > PATIENCE_MS) throw new Error(`a message is not taken, last with ${status}`);
        repeats += 1;
        await delay(AGAIN_AFTER_MS);
      }
      answerMs.push(performance.now() - asked);
      await acknowledged(message);
    }
  };
  await Promise.all(Array.from({ length: concurrency }, sender));
  return { answerMs, repeats };
}
