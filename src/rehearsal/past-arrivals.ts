import { recordsToRehearse, type RehearsedRow } from '../db/rehearsed-records.ts';
import type { Queryable } from '../db/pools.ts';
import { MODALITIES, type Modality } from '../domain/interaction.ts';
import { percentileOf } from '../domain/percentile.ts';
import type { RehearsedRecord } from '../domain/rehearsal.ts';

export interface Period {
  readonly from: Date;
  readonly to: Date;
}

export type ByModality<T> = Readonly<Record<Modality, T>>;

/** Read at a time, so that no statement takes long. */
const STRETCH_MS = 15 * 60_000;

/** What came within a period. */
export interface PastArrivals {
  /** In the order of arrival. */
  readonly records: readonly RehearsedRecord[];
  /** Records of which a piece was not recognised, or not yet: it counts as long as the middle one of the others. */
  readonly unmeasured: number;
}

/** By modality. */
export async function pastArrivals(
  reader: Queryable,
  tenant: string,
  { from, to }: Period,
  lateAfterMs: number,
): Promise<ByModality<PastArrivals>> {
  const rows: RehearsedRow[] = [];
  for (let at = from.getTime(); at < to.getTime(); at += STRETCH_MS) {
    const stretch = { from: new Date(at), to: new Date(Math.min(at + STRETCH_MS, to.getTime())) };
    for (const row of await recordsToRehearse(reader, tenant, stretch, lateAfterMs)) rows.push(row);
  }
  const of = (modality: Modality) => arrivalsOf(rows.filter((row) => row.modality === modality));
  return Object.fromEntries(MODALITIES.map((modality) => [modality, of(modality)])) as ByModality<PastArrivals>;
}

/**
 * A chat's text has no time of the model of its own: it goes together with others, in one request. Of all the quarter
 * that took least tells how long a request takes.
 */
function arrivalsOf(rows: readonly RehearsedRow[]): PastArrivals {
  const pieceMs =
    percentileOf(
      rows.flatMap(({ model_ms }) => model_ms),
      0.5,
    ) ?? 0;
  const transforms = rows.flatMap(({ transform_ms }) => (transform_ms === null ? [] : [transform_ms]));
  const requestMs = percentileOf(transforms, 0.25) ?? 0;
  return {
    records: rows.map((row) => ({
      arrivedMs: row.accepted_at.getTime(),
      capturedAgoMs: row.captured_ago_ms,
      piecesMs: row.modality === 'chat' ? [requestMs] : [...row.model_ms, ...missingOf(row).map(() => pieceMs)],
      measuredMs: row.reachable_ms,
    })),
    unmeasured: rows.filter((row) => row.modality !== 'chat' && missingOf(row).length > 0).length,
  };
}

/** Pieces without a time: those that wait, failed, or were never tried because their source was paused. */
function missingOf({ pieces_total: total, model_ms: measured }: RehearsedRow): unknown[] {
  return new Array<unknown>(Math.max(0, total - measured.length)).fill(null);
}
