import type { Pace } from './pace.ts';

/** How the HNSW index of a version keeps its vectors. */
export type IndexStorage = 'vector' | 'halfvec';

/** What pgvector's HNSW takes of each. */
export const MAX_DIMENSIONS: Readonly<Record<IndexStorage, number>> = { vector: 2_000, halfvec: 4_000 };

/** From here on the room that halves of 16 bits save is worth more than the digits that they lose. */
const HALVED_ABOVE = 512;

export function storageFor(dimensions: number): IndexStorage {
  return dimensions > HALVED_ABOVE ? 'halfvec' : 'vector';
}

/** Where a run that builds or keeps an index version stands. */
export type ReindexStep =
  | 'preparing'
  | 'remaking'
  | 'embedding'
  | 'indexing'
  | 'measuring'
  | 'ready'
  | 'switching'
  | 'keeping'
  | 'dropping'
  | 'done';

/** Counts of a run, in chunks. */
export interface ReindexCounts {
  /** Those that had a vector already when the run came by. */
  readonly unchanged: number;
  readonly added: number;
  /** Refused by the model, each on its own. */
  readonly failed: number;
  /** Left out: erased or withdrawn between reading and writing. */
  readonly left: number;
}

export const NO_COUNTS: ReindexCounts = { unchanged: 0, added: 0, failed: 0, left: 0 };

export interface ReindexProgress extends ReindexCounts, Pace {
  readonly step: ReindexStep;
  readonly paused: boolean;
  /** Chunks that the version will hold. */
  readonly total: number;
  /** An error code while a step fails again and again. */
  readonly blockedBy: string | null;
}

/** Vectors of a modality that the version should have, and has. */
export interface ParityFigure {
  readonly expected: number;
  readonly present: number;
}

/** What speaks for and against a version. Shares are between 0 and 1; null where there was nothing to measure. */
export interface Evidence {
  /** RFC 3339: what was written later is not counted. */
  readonly asOf: string;
  readonly measuredAt: string;
  readonly k: number;
  readonly samples: number;
  readonly parity: Readonly<Record<string, { readonly chunks: ParityFigure; readonly records: ParityFigure }>>;
  /** The smallest share of chunks or records of a modality that are present. */
  readonly parityShare: number;
  readonly failures: number;
  /** Mean share of the exact k nearest that the index finds. */
  readonly recall: number | null;
  /** Mean share of the live version's k nearest, for the same question, that this one has too. */
  readonly overlap: number | null;
  /** Share of recent records that a question in their own words finds. */
  readonly canaries: number | null;
}

export interface EvidenceBounds {
  readonly parity: number;
  readonly recall: number;
  readonly overlap: number;
  readonly canaries: number;
}

/** A figure that is below its bound. */
export interface Shortfall {
  readonly figure: keyof EvidenceBounds;
  readonly measured: number;
  readonly bound: number;
}

/** What stands against going live; empty when nothing does. An empty memory has nothing to measure and may. */
export function shortfalls(evidence: Evidence, bounds: EvidenceBounds): readonly Shortfall[] {
  const measured: Readonly<Record<keyof EvidenceBounds, number | null>> = {
    parity: evidence.parityShare,
    recall: evidence.recall,
    overlap: evidence.overlap,
    canaries: evidence.canaries,
  };
  return (Object.keys(bounds) as (keyof EvidenceBounds)[]).flatMap((figure) => {
    const value = measured[figure];
    return value === null || value >= bounds[figure] ? [] : [{ figure, measured: value, bound: bounds[figure] }];
  });
}

/** The smallest of the shares of what is expected; 1 where nothing is. */
export function parityShare(parity: Evidence['parity']): number {
  const figures = Object.values(parity).flatMap(({ chunks, records }) => [chunks, records]);
  return Math.min(1, ...figures.map(({ expected, present }) => (expected === 0 ? 1 : present / expected)));
}
