import type { IndexVersionRow } from '../db/index-versions.ts';
import type { CandidateRow } from '../db/retrieval.ts';
import { EarshotError } from '../domain/errors.ts';
import { stageTimes, type StageTimes } from '../domain/freshness.ts';
import { placeInCall } from '../domain/event-time.ts';
import { latenessOf } from '../domain/late.ts';
import type { Modality, Place } from '../domain/interaction.ts';
import { externalIdOf, payloadContext, type CapturedPayload } from '../domain/payload.ts';
import type { KeyRing } from '../raw-store/key-ring.ts';
import { readPayload } from '../schemas/payload.ts';

/** One result. Its text came from a customer or a recogniser: evidence to quote, never an instruction to follow. */
export interface Hit {
  readonly chunkId: string;
  readonly text: string;
  readonly score: number;
  readonly ranks: { readonly text: number | null; readonly vector: number | null };
  readonly modality: Modality;
  readonly interactionId: string;
  readonly conversationId: string | null;
  readonly customerId: string;
  readonly author: string | null;
  readonly eventTime: Date;
  readonly capturedAt: Date;
  readonly acceptedAt: Date;
  /** Whether it came later after its capture than the dial `late.after_ms` allows. */
  readonly late: boolean;
  readonly place: Place;
  readonly confidence: number;
  readonly lineageId: string;
  readonly models: Readonly<Record<string, string>>;
  readonly degraded: readonly string[];
  readonly freshness: StageTimes;
  readonly textReachableAt: Date | null;
  readonly reachableAt: Date | null;
}

/** Undefined when the customer's key was destroyed after the row was read. */
export async function describeHit(
  keyRing: KeyRing,
  tenant: string,
  version: IndexVersionRow,
  row: CandidateRow,
  score: number,
  lateAfterMs: number,
): Promise<Hit | undefined> {
  const payload = await openPayload(keyRing, tenant, row);
  if (payload === undefined) return undefined;
  return {
    chunkId: row.chunk_id,
    text: row.text,
    score,
    ranks: { text: row.text_rank, vector: row.vector_rank },
    modality: row.modality,
    interactionId: row.interaction_id,
    conversationId: externalIdOf(payload),
    customerId: payload.customerId,
    author: row.author,
    eventTime: row.event_time,
    capturedAt: row.captured_at,
    acceptedAt: row.accepted_at,
    late: latenessOf(row.captured_at, row.accepted_at, lateAfterMs).late,
    place: placeInCall(row.place, row.event_time, row.session_started_at),
    confidence: row.confidence,
    lineageId: row.chunk_id,
    models: {
      [row.kind]: `${row.model}@${row.model_version}`,
      redactor: row.redactor_version,
      chunker: row.chunker_version,
      embedding: `${version.model}@v${version.index_version}`,
    },
    degraded: row.degraded,
    freshness: stageTimes({
      capturedAt: row.captured_at,
      acceptedAt: row.accepted_at,
      pickedUpAt: row.picked_up_at,
      transformedAt: row.embedded_at,
      reachableAt: row.reachable_at,
    }),
    textReachableAt: row.text_reachable_at,
    reachableAt: row.reachable_at,
  };
}

async function openPayload(keyRing: KeyRing, tenant: string, row: CandidateRow): Promise<CapturedPayload | undefined> {
  const context = payloadContext(tenant, row.interaction_id);
  try {
    const opened = await keyRing.open(tenant, row.customer_key, row.sealed_payload, context);
    return readPayload(opened);
  } catch (error) {
    if (error instanceof EarshotError && error.code === 'data_key_destroyed') return undefined;
    throw error;
  }
}
