/** The moments of a record, as the columns of `freshness` tell them. */
export interface StampColumns {
  readonly captured_at: Date;
  readonly accepted_at: Date;
  readonly picked_up_at: Date | null;
  readonly text_reachable_at: Date | null;
  readonly transformed_at: Date | null;
  readonly indexed_at: Date | null;
  readonly reachable_at: Date | null;
}

/** The same by the names under which they are told to whoever asks. */
export type ToldStamps = Record<'capturedAt' | 'acceptedAt', Date> &
  Record<'pickedUpAt' | 'textReachableAt' | 'transformedAt' | 'indexedAt' | 'reachableAt', Date | null>;

export function stampsOf(row: StampColumns): ToldStamps {
  return {
    capturedAt: row.captured_at,
    acceptedAt: row.accepted_at,
    pickedUpAt: row.picked_up_at,
    textReachableAt: row.text_reachable_at,
    transformedAt: row.transformed_at,
    indexedAt: row.indexed_at,
    reachableAt: row.reachable_at,
  };
}
