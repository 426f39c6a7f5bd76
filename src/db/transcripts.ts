import type { Modality, Place } from '../domain/interaction.ts';
import { admits } from './fence.ts';
import { run, type Queryable } from './pools.ts';
import { servedBy } from './served.ts';

/** A passage of a conversation or call, in its place among the others. */
export interface TranscriptRow {
  readonly chunk_id: string;
  readonly interaction_id: string;
  readonly modality: Modality;
  readonly author: string | null;
  readonly text: string;
  readonly place: Place;
  readonly confidence: number;
  readonly sequence: number | null;
  readonly segment_index: number | null;
  readonly event_time: Date;
  readonly captured_at: Date;
  readonly accepted_at: Date;
  readonly text_reachable_at: Date | null;
  readonly session_started_at: Date | null;
}

/**
 * What is served of a session, in the order of its events whatever order they came in. Where a channel counts its
 * messages, its count goes before its clock: a message is never placed before one with a lower number.
 */
export async function readTranscript(
  reader: Queryable,
  tenant: string,
  sessionId: string,
  indexVersion: number,
  page: { readonly offset: number; readonly limit: number },
): Promise<TranscriptRow[]> {
  const statement = {
    name: 'read_transcript',
    text: `
      with record as materialized (
        select i.interaction_id, i.modality, i.author, i.sequence, i.segment_index, i.captured_at, i.accepted_at,
          min(i.started_at) over () as session_started_at,
          case when i.sequence is not null then max(i.captured_at) over (
            partition by i.sequence is null order by i.sequence) end as no_earlier_than
        from interaction i
        join subject s on s.tenant = $1 and s.customer_key = i.customer_key
        where i.tenant = $1 and i.session_id = $2::uuid
          and ${admits('i', 's')}
      )
      select c.chunk_id, r.interaction_id, r.modality, r.author, c.text, c.place, c.confidence, r.sequence,
        r.segment_index, c.event_time, r.captured_at, r.accepted_at, f.text_reachable_at, r.session_started_at
      from record r
      join chunk c on c.tenant = $1 and c.interaction_id = r.interaction_id
      join freshness f on f.tenant = $1 and f.interaction_id = r.interaction_id
      where ${servedBy('$3')}
      order by coalesce(r.no_earlier_than, c.event_time), r.sequence nulls last, c.event_time, r.interaction_id,
        c.ordinal
      offset $4 limit $5`,
  };
  return run<TranscriptRow>(reader, statement, [tenant, sessionId, indexVersion, page.offset, page.limit]);
}

/** What a transcript lacks: numbers that did not come, and records that came and are not served. */
export interface TranscriptState {
  readonly ended_at: Date | null;
  readonly records: number;
  readonly waiting: number;
  readonly quarantined: number;
  readonly failed: number;
  readonly gaps: readonly { readonly of: 'message' | 'segment'; readonly from: number; readonly to: number }[];
}

/**
 * Messages are counted from 0 or 1, whichever is seen, segments from 0; a call that ended tells how many it had. A number
 * whose record came and is not served yet, or was quarantined, is no gap. Undefined when nothing of it is there; from
 * the moment of its customer's fence, nothing is.
 */
export async function transcriptState(
  reader: Queryable,
  tenant: string,
  sessionId: string,
): Promise<TranscriptState | undefined> {
  const statement = {
    name: 'transcript_state',
    text: `
      with record as materialized (
        select i.sequence, i.segment_index, f.state
        from interaction i
        join subject s on s.tenant = $1 and s.customer_key = i.customer_key
        join freshness f on f.tenant = $1 and f.interaction_id = i.interaction_id
        where i.tenant = $1 and i.session_id = $2::uuid
          and ${admits('i', 's')}
      ), number as (
        select 'message' as of, sequence as number, 0 as first from record where sequence is not null
        union
        select 'segment', segment_index, -1 from record where segment_index is not null
        union
        select 'segment', expected_segments, -1
        from session
        where tenant = $1 and session_id = $2 and expected_segments > 0
      ), neighbour as (
        select of, number, lag(number, 1, first) over (partition by of order by number) as previous from number
      )
      select s.ended_at,
        (select count(*)::integer from record) as records,
        (select count(*)::integer from record where state in ('accepted', 'processing')) as waiting,
        (select count(*)::integer from record where state = 'quarantined') as quarantined,
        (select count(*)::integer from record where state = 'failed') as failed,
        coalesce((
          select jsonb_agg(jsonb_build_object('of', of, 'from', previous + 1, 'to', number - 1) order by of, number)
          from neighbour
          where number > previous + 1
        ), '[]') as gaps
      from session s
      where s.tenant = $1 and s.session_id = $2::uuid and exists (select from record)`,
  };
  return (await run<TranscriptState>(reader, statement, [tenant, sessionId]))[0];
}
