import { randomOf } from '../random.ts';
import { talk } from '../support-talk.ts';

/** A chat message as every contender is sent it, byte for byte. */
export interface ChatMessage {
  readonly conversationId: string;
  readonly messageId: string;
  readonly customerId: string;
  readonly sentAt: string;
  readonly author: 'customer';
  readonly text: string;
}

/** Every third message ends with one of these: something to redact. */
const PERSONAL = [
  'Please send it to my card 4539 1488 0343 6467.',
  'You can write to dana.whitfield@example.com.',
  'My name is Dana Whitfield and my number is +1 415 555 0132.',
];

/**
 * Messages of a run, of some 250 characters, no two alike. Their conversations take turns. The same run's name gives the
 * same texts, so that all contenders of a round are sent the same.
 */
export function chatMessages(run: string, messages: number, conversations: number): ChatMessage[] {
  const random = randomOf(run);
  return Array.from({ length: messages }, (_, index) => {
    const conversationId = `${run}-${index % conversations}`;
    const ending = index % 3 === 0 ? ` ${random.pick(PERSONAL)}` : '';
    return {
      conversationId,
      messageId: `${run}-message-${index}`,
      customerId: `customer-${conversationId}`,
      sentAt: new Date(Date.now() - 1_000).toISOString(),
      author: 'customer',
      text: `${talk(random, 3)} It is about order ${run}x${index}.${ending}`,
    };
  });
}
