import type { Author } from './interaction.ts';

/**
 * What a channel sent, as it is sealed into the log: the names that nothing else holds in clear. Times are RFC 3339.
 * The bytes of audio and pictures are raw objects of their own. What older versions of it are made of, and that they
 * are still read, is the business of src/schemas/payload.ts.
 */
export type CapturedPayload =
  | {
      readonly channel: 'chat';
      readonly customerId: string;
      readonly conversationId: string;
      readonly messageId: string;
      readonly author: Author;
      readonly text: string;
      readonly sentAt: string;
      /** Its number in the conversation, where the channel counts. */
      readonly sequence?: number | undefined;
    }
  | {
      readonly channel: 'call';
      readonly customerId: string;
      readonly callId: string;
      readonly startedAt: string;
      readonly endedAt: string;
      readonly agentId?: string | undefined;
    }
  | {
      readonly channel: 'screenshot';
      readonly customerId: string;
      readonly screenshotId: string;
      readonly capturedAt: string;
      readonly conversationId?: string | undefined;
    };

/** Names the row that a payload is sealed into, so that it opens nowhere else. */
export function payloadContext(tenant: string, interactionId: string): string {
  return `interaction/${tenant}/${interactionId}`;
}

/** The conversation, call or screenshot as its channel names it. */
export function externalIdOf(payload: CapturedPayload): string | null {
  if (payload.channel === 'chat') return payload.conversationId;
  if (payload.channel === 'call') return payload.callId;
  return payload.conversationId ?? null;
}
