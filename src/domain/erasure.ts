/** What an erasure is told and tells: ids, counts and times alone, for it crosses the border of workflows. */

export interface ErasureRef {
  readonly tenant: string;
  readonly erasureId: string;
}

/**
 * `scheduled`: within its grace period, may be cancelled. `running`: the fence is up. `completed`: verified twice and
 * certified. `refused`: a legal hold stood against it.
 */
export const ERASURE_STATES = ['scheduled', 'running', 'completed', 'cancelled', 'refused'] as const;
export type ErasureState = (typeof ERASURE_STATES)[number];

/** A whole customer, or every record that is older than its class may be. */
export type ErasureScope = 'customer' | 'retention';

/** In the order in which they are taken; those from `stopRuns` to `verify` again while something is found. */
export const ERASURE_STEPS = [
  'scheduled',
  'raiseFence',
  'writeLedger',
  'stopRuns',
  'markRecords',
  'countBefore',
  'destroyKeys',
  'deleteRuns',
  'deleteRows',
  'deleteObjects',
  'awaitRuns',
  'clearResidue',
  'verify',
  'secondPass',
  'certify',
  'completed',
] as const;
export type ErasureStep = (typeof ERASURE_STEPS)[number];

/** Where an erasure stands, for `erasure_progress` and the UI. */
export interface ErasureProgress {
  readonly step: ErasureStep;
  /** Rounds of deletion and verification so far. */
  readonly rounds: number;
  /** Things found by the last verification. */
  readonly leftovers: number;
  /** The error code that holds a step up, which is tried again. */
  readonly blockedBy: string | null;
}

/** Counts by store, such as `postgres.chunk`, `raw.objects`, `temporal.runs`. */
export type StoreCounts = Readonly<Record<string, number>>;

/** Adds counts of the same store. */
export function addCounts(...all: readonly StoreCounts[]): StoreCounts {
  const sum: Record<string, number> = {};
  for (const counts of all) for (const [store, count] of Object.entries(counts)) sum[store] = (sum[store] ?? 0) + count;
  return sum;
}

/** How many things the counts name in all. */
export function totalOf(counts: StoreCounts): number {
  return Object.values(counts).reduce((sum, count) => sum + count, 0);
}

/** Something that could not be destroyed at once, and by when it is gone. Times are RFC 3339. */
export interface ErasureException {
  readonly store: string;
  readonly what: string;
  readonly goneBy: string;
}

/** By what it can be looked again, long after, whether something came back. Chunk ids are hashes of what they are made of. */
export interface ErasureProbes {
  readonly chunks: readonly string[];
  readonly objects: readonly string[];
  readonly runs: readonly { readonly workflowId: string; readonly runId: string }[];
}

export const NO_PROBES: ErasureProbes = { chunks: [], objects: [], runs: [] };

/** Of each kind, at most so many are remembered. */
export const PROBES_KEPT = 200;

/** What the steps of an erasure have found and done so far. */
export interface ErasureReport {
  readonly before?: StoreCounts;
  readonly after?: StoreCounts;
  /** What the second pass found: writes that came after the first. */
  readonly late?: StoreCounts;
  readonly probes?: ErasureProbes;
  readonly exceptions?: readonly ErasureException[];
  readonly residue?: ResidueReport;
  readonly rounds?: number;
  readonly verifiedAt?: string;
  readonly secondPassAt?: string;
  /** From when on each class of records is kept, as the dials said when a retention erasure was opened. */
  readonly limits?: Readonly<Record<'chat' | 'audio' | 'screenshot', string | null>>;
  /** Set while a new certificate is due, because residue was cleared. */
  readonly recertify?: true;
  /** When tables whose rewrite was postponed had been rewritten. */
  readonly residueClearedAt?: string;
  /** When the erasure was applied again to a restored database. */
  readonly reappliedAt?: string;
}

/** What was done to bytes that a delete leaves behind. */
export interface ResidueReport {
  readonly vacuumed: readonly string[];
  readonly rewritten: readonly string[];
  readonly reindexed: readonly string[];
  readonly walSwitchedAt: string | null;
  readonly checkpointedAt: string | null;
  /** Whether segments of the log keep their bytes until the server writes over them (`wal_recycle`). */
  readonly walRecycled: boolean;
}
