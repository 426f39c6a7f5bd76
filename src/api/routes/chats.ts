import { z } from 'zod';
import { endConversation } from '../../db/sessions.ts';
import { EarshotError, invalidField } from '../../domain/errors.ts';
import { acceptRecord } from '../accept.ts';
import { captureTime } from '../capture-time.ts';
import { route } from '../route.ts';
import { accepted, externalId, time } from '../schemas.ts';

const params = z.object({ conversationId: externalId });

export const postMessage = route({
  method: 'post',
  path: '/v1/chats/{conversationId}/messages',
  scope: 'channel',
  canaries: true,
  summary: 'Hand over one chat message',
  params,
  body: z.strictObject({
    messageId: externalId,
    customerId: externalId,
    sentAt: time,
    author: z.enum(['customer', 'agent', 'bot']),
    text: z.string().refine((text) => text.trim() !== '', 'must not be empty'),
    /** Its place in the conversation, from 0 or 1: tells order and gaps where clocks do not. */
    sequence: z.int32().min(0).optional(),
  }),
  status: 202,
  answer: accepted,
  handle: ({ deps, caller, params: { conversationId }, body, idempotencyKey, bulk }) => {
    const limit = deps.dials.get('intake.chat_max_characters');
    if (body.text.length > limit) throw invalidField('text', `is longer than ${limit} characters`);
    return acceptRecord(deps, {
      tenant: caller.tenant,
      bulk,
      kind: 'message',
      idempotencyKey: idempotencyKey ?? JSON.stringify([conversationId, body.messageId]),
      sessionName: conversationId,
      payload: { channel: 'chat', conversationId, ...body },
      capturedAt: captureTime(deps, 'sentAt', body.sentAt),
      ...(body.sequence === undefined ? {} : { sequence: body.sequence }),
      author: body.author,
      piecesTotal: 1,
    });
  },
});

export const endChat = route({
  method: 'post',
  path: '/v1/chats/{conversationId}/end',
  scope: 'channel',
  summary: 'Say that a conversation has ended',
  params,
  body: z.strictObject({}),
  status: 202,
  answer: z.object({}),
  handle: async ({ deps, caller: { tenant }, params: { conversationId } }) => {
    const sessionId = deps.ids.sessionId(tenant, 'chat', conversationId);
    const known = await endConversation(deps.database.forTenant(tenant).app, tenant, sessionId);
    if (!known) throw new EarshotError('not_found', 'no message of this conversation was accepted');
    return {};
  },
});
