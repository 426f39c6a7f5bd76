import { recordsToRehearse, type RehearsedRow } from '../db/rehearsed-records.ts';
import type { Queryable } from '../db/pools.ts';
import { MODALITIES, type Modality } from '../domain/interaction.ts';
import { percentileOf, type RehearsedRecord } from '../domain/rehearsal.ts';

export interface Period {
  readonly from: Date;
  readonly to: Date;
}

export type ByModality<T> = Readonly<Record<Modality, T>>;

/** Read at a time, so that no statement takes long. */
const STRETCH_MS = 15 * 60_000;

/** What came within a period, by modality, in the order of arrival. */
export async function pastArrivals(
  reader: Queryable,
  tenant: string,
  { from, to }: Period,
  lateAfterMs: number,
): Promise<ByModality<readonly RehearsedRecord[]>> {
  const rows: RehearsedRow[] = [];
  for (let at = from.getTime(); at < to.getTime(); at += STRETCH_MS) {
    const stretch = { from: new Date(at), to: new Date(Math.min(at + STRETCH_MS, to.getTime())) };
    for (const row of await recordsToRehearse(reader, tenant, stretch, lateAfterMs)) rows.push(row);
  }
  const of = (modality: Modality) => recordsOf(rows.filter((row) => row.modality === modality));
  return Object.fromEntries(MODALITIES.map((modality) => [modality, of(modality)])) as ByModality<RehearsedRecord[]>;
}

/**
 * A chat's text has no time of the model of its own: it goes together with others, in one request. Of all the quarter
 * that took least tells how long a request takes.
 */
function recordsOf(rows: readonly RehearsedRow[]): RehearsedRecord[] {
  const transforms = rows.flatMap(({ transform_ms }) => (transform_ms === null ? [] : [transform_ms]));
  const requestMs = percentileOf(transforms, 0.25) ?? 0;
  return rows.map((row) => ({
    arrivedMs: row.accepted_at.getTime(),
    capturedAgoMs: row.captured_ago_ms,
    piecesMs: row.modality === 'chat' ? [requestMs] : row.model_ms,
    measuredMs: row.reachable_ms,
  }));
}
