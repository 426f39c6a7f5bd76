import type {
  ExportedChunkRow,
  ExportedEdgeRow,
  ExportedRecordRow,
  ExportedRetrievalRow,
} from '../db/customer-export.ts';
import { stampsOf } from '../db/stamps.ts';
import type { CapturedPayload } from '../domain/payload.ts';
import { describeEdge } from '../lineage/walk.ts';

/** A record. `payload` is null when it could not be opened. */
export function recordLine(row: ExportedRecordRow, payload: CapturedPayload | null, rawFile: string | null): object {
  return {
    interactionId: row.interaction_id,
    channel: row.channel,
    modality: row.modality,
    state: row.state,
    reason: row.reason,
    degraded: row.degraded,
    author: row.author,
    segmentIndex: row.segment_index,
    payload,
    session: {
      sessionId: row.session_id,
      workflowId: row.workflow_id,
      endedAt: row.session_ended_at,
      expectedSegments: row.expected_segments,
    },
    stamps: { startedAt: row.started_at, ...stampsOf(row) },
    rawFile,
    rawBytes: row.raw_bytes,
    mediaType: row.media_type,
    durationMs: row.duration_ms,
    codeVersion: row.code_version,
    piecesTotal: row.pieces_total,
    artifacts: row.artifacts,
  };
}

export function chunkLine(row: ExportedChunkRow): object {
  return {
    chunkId: row.chunk_id,
    artifactId: row.artifact_id,
    interactionId: row.interaction_id,
    ordinal: row.ordinal,
    modality: row.modality,
    author: row.author,
    text: row.text,
    place: row.place,
    confidence: row.confidence,
    eventTime: row.event_time,
    chunkerVersion: row.chunker_version,
    active: row.active,
    createdAt: row.created_at,
    indexVersions: row.index_versions,
  };
}

/** A question. `query` is null when its words were not kept or could not be opened. */
export function retrievalLine(row: ExportedRetrievalRow, query: string | null): object {
  return {
    retrievalId: row.retrieval_id,
    query,
    mode: row.mode,
    filters: row.filters,
    indexVersion: row.index_version,
    degraded: row.degraded,
    tookMs: row.took_ms,
    askedAt: row.asked_at,
    hits: row.hits,
  };
}

export function lineageLine(row: ExportedEdgeRow): object {
  return { ...describeEdge(row), fromKind: row.from_kind, toKind: row.to_kind, interactionId: row.interaction_id };
}
