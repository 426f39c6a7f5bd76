import { addCounts, type StoreCounts } from './erasure.ts';

/** `recent`: the last hours (dial `reconcile.recent_hours`); `all`: from the first record on. */
export type ReconciliationScope = 'recent' | 'all';

export interface ReconciliationRef {
  readonly tenant: string;
  readonly reconciliationId: string;
}

/**
 * What is compared. `artifact`: what recognition or intake made of a record; `chunk`: its searchable texts; `vector`:
 * theirs, in the live index version and in those beside it; `lineage`: the edges between them.
 */
export const COMPARED_STORES = ['artifact', 'chunk', 'vector', 'lineage'] as const;
export type ComparedStore = (typeof COMPARED_STORES)[number];

/** How many there are of a store in an hour, and the sum of their ids' hashes, which no order changes. */
export interface Tally {
  readonly count: number;
  readonly hash: string;
}

/** One hour of acceptance: of each store what the row before it in the chain asks for, and what is there. */
export interface BucketTally {
  /** RFC 3339, the full hour. */
  readonly hour: string;
  readonly stores: Readonly<Record<ComparedStore, { readonly expected: Tally; readonly found: Tally }>>;
}

/** The stores of an hour that differ. */
export function differingStores({ stores }: BucketTally): ComparedStore[] {
  return COMPARED_STORES.filter((store) => {
    const { expected, found } = stores[store];
    return expected.count !== found.count || expected.hash !== found.hash;
  });
}

/** What a comparison found and did, added up. Counts by store, or by code where nothing could be done. */
export interface ReconciliationReport {
  readonly buckets: number;
  readonly differing: number;
  readonly missing: StoreCounts;
  readonly repaired: StoreCounts;
  readonly orphansRemoved: StoreCounts;
  readonly unrepairable: StoreCounts;
  /** Texts that are served more than once for the same passage of the same record. */
  readonly duplicates: number;
  /** Vectors that the texts of the compared hours should have: with the missing ones, what coverage was. */
  readonly vectors: number;
}

export const EMPTY_REPORT: ReconciliationReport = {
  buckets: 0,
  differing: 0,
  missing: {},
  repaired: {},
  orphansRemoved: {},
  unrepairable: {},
  duplicates: 0,
  vectors: 0,
};

/** A stretch of time that one step compares. RFC 3339. */
export interface Slice {
  readonly from: string;
  readonly to: string;
}

/** Adds what one step found and did to what the steps before it have. */
export function addReports(one: ReconciliationReport, other: Partial<ReconciliationReport>): ReconciliationReport {
  return {
    buckets: one.buckets + (other.buckets ?? 0),
    differing: one.differing + (other.differing ?? 0),
    missing: addCounts(one.missing, other.missing ?? {}),
    repaired: addCounts(one.repaired, other.repaired ?? {}),
    orphansRemoved: addCounts(one.orphansRemoved, other.orphansRemoved ?? {}),
    unrepairable: addCounts(one.unrepairable, other.unrepairable ?? {}),
    duplicates: one.duplicates + (other.duplicates ?? 0),
    vectors: one.vectors + (other.vectors ?? 0),
  };
}
