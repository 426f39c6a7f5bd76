import { keyedIds } from '../../src/domain/ids.ts';
import type { ChatMessage } from './messages.ts';

/** The client's own witness: what it was acknowledged, by the ids under which the rows must be found. */
export class Promised {
  readonly #ids;
  readonly #records: string[] = [];

  constructor(customerSecret: string) {
    this.#ids = keyedIds(Buffer.from(customerSecret, 'hex'));
  }

  recordOf({ conversationId, messageId }: ChatMessage): string {
    return this.#ids.interactionId('default', 'message', JSON.stringify([conversationId, messageId]));
  }

  note(message: ChatMessage): void {
    this.#records.push(this.recordOf(message));
  }

  get records(): readonly string[] {
    return this.#records;
  }
}
