import { isDeepStrictEqual } from 'node:util';
import type { NewReplay, ReplayRow } from '../db/replays.ts';

/** What a request for a replay says; a `to` that it leaves out is null and means the moment of the request. */
export type AskedReplay = Pick<
  NewReplay,
  'from' | 'customerKey' | 'modalities' | 'kinds' | 'selection' | 'asrModel' | 'visionModel'
> & { readonly to: Date | null };

/** How far the moment of a request, by this process's clock, may be from when the database wrote it down. */
const SAME_MOMENT_MS = 60_000;

/** Whether a replay that is there was asked for by the same body. */
export function isSameReplay(row: ReplayRow, asked: AskedReplay): boolean {
  const { captured_to: to, created_at: created } = row;
  const sameEnd =
    asked.to === null
      ? Math.abs(to.getTime() - created.getTime()) < SAME_MOMENT_MS
      : to.getTime() === asked.to.getTime();
  return (
    sameEnd &&
    isDeepStrictEqual(
      [
        row.captured_from,
        row.customer_key,
        row.modalities,
        row.kinds,
        row.only_records,
        row.asr_model,
        row.vision_model,
      ],
      [
        asked.from,
        asked.customerKey,
        asked.modalities,
        asked.kinds,
        asked.selection,
        asked.asrModel,
        asked.visionModel,
      ],
    )
  );
}
