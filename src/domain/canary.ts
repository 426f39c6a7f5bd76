import type { Modality } from './interaction.ts';

/**
 * Customers that are nobody. Canaries are records of the first; a record with the same words belongs to the second, so
 * that a search within the first which returns it has lost its filter. Their keys are the same in every tenant and are
 * no hash, so that any statement can leave them out (src/db/real-customers.ts).
 */
export const CANARY_CUSTOMER = { id: 'earshot-canary', key: '00000000000000000000000063616e61' } as const;
export const DISTRACTOR_CUSTOMER = {
  id: 'earshot-canary-distractor',
  key: '00000000000000000000000064697374',
} as const;
const RESERVED = [CANARY_CUSTOMER, DISTRACTOR_CUSTOMER] as const;
export const RESERVED_KEYS: readonly string[] = RESERVED.map(({ key }) => key);

/** The key of a reserved customer; undefined for anybody else. */
export function reservedKeyOf(customerId: string): string | undefined {
  return RESERVED.find(({ id }) => id === customerId)?.key;
}

/**
 * Why a canary failed. `not_accepted`: the intake did not take it. `not_present`: no text of it was stored in time.
 * `no_vector`: its text has no vector in the live index version. `hidden`: the rows are there and readers do not see
 * them. `index_miss`: its vector is there and the index does not find it. `text_miss`: its words are there and the word
 * index does not find them. `filter_fault`: a search within one customer returned another's. `not_reachable`: the
 * retrieval endpoint does not return it, or does not answer.
 */
export const CANARY_CODES = [
  'not_accepted',
  'not_present',
  'no_vector',
  'hidden',
  'index_miss',
  'text_miss',
  'filter_fault',
  'not_reachable',
] as const;
export type CanaryCode = (typeof CANARY_CODES)[number];

/** One run's canaries of one tenant. */
export interface CanaryRef {
  readonly tenant: string;
  readonly canaryId: string;
}

/** A record that the intake took. */
export interface PlantedRecord {
  readonly interactionId: string;
  readonly workflowId: string;
}

/** What was planted of one modality; without a record when the intake did not take it. */
export interface PlantedCanary extends CanaryRef {
  readonly modality: Modality;
  /** RFC 3339. */
  readonly plantedAt: string;
  readonly record: PlantedRecord | null;
}

export interface CanaryOutcome {
  readonly modality: Modality;
  /** Null: reachable in time. */
  readonly code: CanaryCode | null;
}

/** What a look into the database and through the endpoint saw of a canary whose time is over. */
export interface CanaryEvidence {
  readonly chunks: number;
  readonly vectors: number;
  /** Of the chunks, as the readers' role sees them. */
  readonly visible: number;
  readonly foundByWords: boolean;
  readonly foundByVector: boolean;
  readonly foundInCustomer: boolean;
  readonly distractorInCustomer: boolean;
}

/** The first thing on the way that did not hold; null when all did. */
export function diagnose(seen: CanaryEvidence): CanaryCode | null {
  if (seen.chunks === 0) return 'not_present';
  if (seen.vectors < seen.chunks) return 'no_vector';
  if (seen.visible < seen.chunks) return 'hidden';
  if (!seen.foundByVector) return 'index_miss';
  if (!seen.foundByWords) return 'text_miss';
  if (seen.distractorInCustomer) return 'filter_fault';
  return seen.foundInCustomer ? null : 'not_reachable';
}
