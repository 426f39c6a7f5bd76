import type { PendingRow } from '../db/surroundings.ts';
import { etaSeconds, type Expectation } from '../domain/eta.ts';
import type { Modality } from '../domain/interaction.ts';

/** A record of this customer that the answer cannot know yet. */
export interface Pending {
  readonly interactionId: string;
  readonly modality: Modality;
  readonly capturedAt: Date;
  readonly stage: 'accepted' | 'recognising' | 'indexing';
  readonly progress: { readonly done: number; readonly total: number };
  /** Until it will be reachable, as records of its modality take now; null where nothing can be said. */
  readonly etaSeconds: number | null;
}

/** @param expected how long records of its modality take now; undefined where that is not known. */
export function pendingOf(row: PendingRow, expected: Expectation | undefined): Pending {
  const recognised = row.text_reachable_at !== null;
  const stage = recognised ? 'indexing' : row.state === 'accepted' ? 'accepted' : 'recognising';
  const progress = { done: Math.min(row.pieces_done, row.pieces_total), total: row.pieces_total };
  return {
    interactionId: row.interaction_id,
    modality: row.modality,
    capturedAt: row.captured_at,
    stage,
    progress,
    etaSeconds: expected === undefined ? null : etaOf(row, { stage, progress }, expected),
  };
}

function etaOf(row: PendingRow, at: Pick<Pending, 'stage' | 'progress'>, expected: Expectation): number | null {
  if (row.age_ms === undefined) return null;
  return etaSeconds(
    {
      // The text of a message is there from the first: as long as nobody has taken it, it waits like any other.
      stage: row.state === 'accepted' ? 'accepted' : at.stage,
      progress: at.progress,
      ageMs: row.age_ms,
      textAgeMs: row.text_reachable_at === null ? null : Date.now() - row.text_reachable_at.getTime(),
    },
    expected,
  );
}
