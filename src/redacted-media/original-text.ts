import { findMediaRecord } from '../db/redacted-media.ts';
import { readPayload } from '../schemas/payload.ts';
import type { Place } from '../domain/interaction.ts';
import { payloadContext } from '../domain/payload.ts';
import type { Recognition } from '../models/ports.ts';
import { openObject, type MediaDependencies } from './dependencies.ts';
import { logOriginal, requireRecord, type Viewer } from './show.ts';

export interface OriginalPassage {
  readonly text: string;
  readonly place: Place;
}

/** What was typed, said or shown in a record, before redaction, in reading order; for an auditor who says why. */
export async function originalText(
  deps: MediaDependencies,
  viewer: Viewer,
  reason: string,
  signal: AbortSignal,
): Promise<OriginalPassage[]> {
  const { tenant, interactionId } = viewer;
  const record = await requireRecord(deps, viewer);
  await logOriginal(deps, viewer, record, 'original_text', reason);
  const { customer_key: customerKey } = record;
  const context = payloadContext(tenant, interactionId);
  const opened = await deps.keyRing.open(tenant, customerKey, record.sealed_payload, context);
  const payload = readPayload(opened);
  if (payload.channel === 'chat') return [{ text: payload.text, place: { kind: 'message' } }];
  const media = await findMediaRecord(deps.database.forTenant(tenant).app, tenant, interactionId);
  const served = (media?.answers ?? []).filter(({ state }) => state === 'active' || state === 'quarantined');
  const passages: OriginalPassage[] = [];
  for (const key of new Set(served.map(({ sealedObject }) => sealedObject))) {
    const answer = await openObject(deps, tenant, customerKey, key, signal);
    const recognition = JSON.parse(answer.toString()) as Recognition;
    passages.push(...recognition.passages.map(({ text, place }) => ({ text, place })));
  }
  return passages;
}
