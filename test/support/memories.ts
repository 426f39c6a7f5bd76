import type { TestEarshot } from './earshot.ts';
import { tone } from './sound.ts';

/** The records of a customer that a test has made. */
export interface Remembered {
  readonly customerId: string;
  readonly ids: readonly string[];
}

/** What a certificate counts of a customer with one call and one chat. */
export const CALL_AND_CHAT = {
  'postgres.interaction': 2,
  'postgres.chunk': 2,
  'postgres.embedding': 2,
  'postgres.data_key': 1,
  'postgres.session': 2,
  'temporal.runs': 2,
  'raw.versions': 3,
};

/** One call and one chat of a customer, both reachable, whose runs have ended: an erasure has nothing to wait for. */
export async function rememberCallAndChat(earshot: TestEarshot, customerId: string): Promise<Remembered> {
  const startedAt = new Date(Date.now() - 60_000).toISOString();
  const accepted = await Promise.all([
    earshot.message({ customerId, conversationId: customerId, messageId: customerId }),
    earshot.upload('/v1/calls', 'audio', tone(2), { callId: customerId, customerId, startedAt }),
  ]);
  const ids = accepted.map(({ body }) => body.interactionId);
  for (const id of ids) await earshot.settled(id, 'reachable');
  for (const { body } of accepted) await earshot.temporal.getHandle(body.workflowId).result();
  return { customerId, ids };
}
