/** Numbers of vectors, [from, until), that one HNSW index of a version is built over. */
export interface Segment {
  readonly from: number;
  readonly until: number;
}

/** Numbers of vectors, [from, until), or all from a number on. */
export interface OpenSegment {
  readonly from: number;
  readonly until: number | null;
}

/** How the vectors of a version are searched: each in one of the tiers, whichever segments there are. */
export interface Tiers {
  /** By their HNSW indexes. */
  readonly sealed: readonly Segment[];
  /** Exactly: what came after the last segment, and what lies between two. */
  readonly exact: readonly OpenSegment[];
}

/** Parts the numbers from 0 on into sealed segments and what lies between and after them. */
export function tiersOf(segments: readonly Segment[]): Tiers {
  const sealed: Segment[] = [];
  const exact: OpenSegment[] = [];
  let end = 0;
  for (const segment of segments.toSorted((a, b) => a.from - b.from || b.until - a.until)) {
    if (segment.from < end) continue;
    if (segment.from > end) exact.push({ from: end, until: segment.from });
    sealed.push({ from: segment.from, until: segment.until });
    end = segment.until;
  }
  return { sealed, exact: [...exact, { from: end, until: null }] };
}

export interface SealingRules {
  /** Fresh vectors from which on a graph is built for them. */
  readonly afterRows: number;
  /** Graphs that a question may have to search. */
  readonly maxSegments: number;
  /** After so long each process knows of a new graph, and those that it replaces may go, in milliseconds. */
  readonly knownAfterMs?: number;
}

/**
 * The segment to build next, or null while there is too little. It takes in the segments before it that are not larger
 * than what has come since, as a log-structured merge does, so that each vector is built into a graph a number of times
 * that grows with the logarithm of all; and more of them where there would be too many.
 *
 * @param segments in order, with the vectors in each.
 * @param fresh vectors after the last segment, and the number that the next one will get.
 */
export function nextSegment(
  segments: readonly (Segment & { readonly rows: number })[],
  fresh: { readonly rows: number; readonly until: number },
  { afterRows, maxSegments }: SealingRules,
): Segment | null {
  if (fresh.rows < afterRows) return null;
  const kept = [...segments];
  let from = kept.at(-1)?.until ?? 0;
  let rows = fresh.rows;
  for (let last = kept.at(-1); last !== undefined; last = kept.at(-1)) {
    if (last.rows > rows && kept.length < maxSegments) break;
    kept.pop();
    from = last.from;
    rows += last.rows;
  }
  return fresh.until > from ? { from, until: fresh.until } : null;
}
