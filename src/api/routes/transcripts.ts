import { z } from 'zod';
import { readTranscript, transcriptState, type TranscriptRow } from '../../db/transcripts.ts';
import { EarshotError } from '../../domain/errors.ts';
import { placeInCall } from '../../domain/event-time.ts';
import type { Channel } from '../../domain/interaction.ts';
import { latenessOf } from '../../domain/late.ts';
import type { ApiDependencies } from '../dependencies.ts';
import { route } from '../route.ts';
import { externalId, modality, place, time, uuid } from '../schemas.ts';

const passage = z
  .object({
    chunkId: uuid,
    interactionId: uuid,
    modality,
    author: z.string().nullable(),
    text: z.string(),
    place,
    confidence: z.number(),
    sequence: z.int().nullable(),
    segmentIndex: z.int().nullable(),
    eventTime: time,
    capturedAt: time,
    acceptedAt: time,
    searchableAt: time.nullable(),
    late: z.boolean(),
    lateByMs: z.number(),
  })
  .openapi('TranscriptPassage');

const answer = z
  .object({
    endedAt: time.nullable(),
    passages: z.array(passage),
    /** Numbers of messages or segments that did not come, from and to included. */
    gaps: z.array(z.object({ of: z.enum(['message', 'segment']), from: z.int(), to: z.int() })),
    records: z.object({ all: z.int(), waiting: z.int(), quarantined: z.int(), failed: z.int() }),
    /** The `offset` of the next page; null on the last. */
    nextOffset: z.int().nullable(),
  })
  .openapi('Transcript');

const page = z.object({
  offset: z.coerce.number().int().min(0).max(10_000_000).default(0),
  limit: z.coerce.number().int().min(1).max(2_000).default(500),
});

export const getChatTranscript = route({
  method: 'get',
  path: '/v1/chats/{conversationId}/transcript',
  scope: 'copilot',
  summary: 'Read a conversation in the order of its events, with what came late and what is missing',
  params: z.object({ conversationId: externalId }),
  query: page,
  status: 200,
  answer,
  handle: ({ deps, caller: { tenant }, params: { conversationId }, query }) =>
    transcript(deps, tenant, 'chat', conversationId, query),
});

export const getCallTranscript = route({
  method: 'get',
  path: '/v1/calls/{callId}/transcript',
  scope: 'copilot',
  summary: 'Read a call in the order in which it was spoken, with what came late and what is missing',
  params: z.object({ callId: externalId }),
  query: page,
  status: 200,
  answer,
  handle: ({ deps, caller: { tenant }, params: { callId }, query }) => transcript(deps, tenant, 'call', callId, query),
});

async function transcript(
  deps: ApiDependencies,
  tenant: string,
  channel: Channel,
  externalName: string,
  query: Readonly<Record<string, unknown>>,
) {
  const { offset, limit } = page.parse(query);
  const { reader } = deps.database.forTenant(tenant);
  const sessionId = deps.ids.sessionId(tenant, channel, externalName);
  const version = deps.indexVersions.live().index_version;
  const [state, rows] = await Promise.all([
    transcriptState(reader, tenant, sessionId),
    readTranscript(reader, tenant, sessionId, version, { offset, limit: limit + 1 }),
  ]);
  if (state === undefined) throw new EarshotError('not_found', 'nothing of it was accepted');
  const lateAfterMs = deps.dials.get('late.after_ms');
  return {
    endedAt: state.ended_at,
    passages: rows.slice(0, limit).map((row) => describe(row, lateAfterMs)),
    gaps: state.gaps,
    records: {
      all: state.records,
      waiting: state.waiting,
      quarantined: state.quarantined,
      failed: state.failed,
    },
    nextOffset: rows.length > limit ? offset + limit : null,
  };
}

function describe(row: TranscriptRow, lateAfterMs: number) {
  return {
    chunkId: row.chunk_id,
    interactionId: row.interaction_id,
    modality: row.modality,
    author: row.author,
    text: row.text,
    place: placeInCall(row.place, row.event_time, row.session_started_at),
    confidence: row.confidence,
    sequence: row.sequence,
    segmentIndex: row.segment_index,
    eventTime: row.event_time,
    capturedAt: row.captured_at,
    acceptedAt: row.accepted_at,
    searchableAt: row.text_reachable_at,
    ...latenessOf(row.captured_at, row.accepted_at, lateAfterMs),
  };
}
