/** What is known of how long records of a modality take now; milliseconds from acceptance, null where nothing is known. */
export interface Expectation {
  /** Of a record that arrives now, by what is ahead of it. */
  readonly lagMs: number | null;
  /** Medians of those that became reachable lately: until taken, until their text was there, until reachable. */
  readonly pickUpMs: number | null;
  readonly textMs: number | null;
  readonly totalMs: number | null;
}

/** Where a record stands. */
export interface Standing {
  readonly stage: 'accepted' | 'recognising' | 'indexing';
  readonly progress: { readonly done: number; readonly total: number };
  /** Since it was accepted, and since its text is there. */
  readonly ageMs: number;
  readonly textAgeMs: number | null;
}

/** A record that took so many times what was foretold is not what forecasts are made of. */
const LOST_AFTER_TIMES = 2;

/**
 * In how many seconds a record that waits will be reachable: of what records take now, what is left. One that nobody has
 * taken yet has those ahead of it that came before, so that its whole lag less its age is left; one that is worked on has
 * left the queue, and what is left is work: the share of its pieces that is not recognised yet, and its indexing.
 * Null where nothing is known, and of a record that took twice as long as was foretold.
 */
export function etaSeconds(standing: Standing, expected: Expectation): number | null {
  const whole = Math.max(expected.lagMs ?? 0, expected.totalMs ?? 0);
  if (expected.lagMs === null && expected.totalMs === null) return null;
  if (standing.ageMs > whole * LOST_AFTER_TIMES) return null;
  const leftMs = leftOf(standing, expected) ?? whole - standing.ageMs;
  return Math.max(1, Math.ceil(leftMs / 1_000));
}

/** What is left to do of a record that somebody works on; null where that is not known. */
function leftOf({ stage, progress, textAgeMs }: Standing, expected: Expectation): number | null {
  const { pickUpMs, textMs, totalMs } = expected;
  if (stage === 'accepted' || textMs === null || totalMs === null) return null;
  const indexing = Math.max(0, totalMs - textMs);
  if (stage === 'indexing') return textAgeMs === null ? null : indexing - textAgeMs;
  const { done, total } = progress;
  if (pickUpMs === null || done === 0 || done >= total) return null;
  return Math.max(0, textMs - pickUpMs) * (1 - done / total) + indexing;
}
