import type { ErasureProbes } from '../domain/erasure.ts';

/**
 * Whose absence is to be shown. This folder shares no code with what deletes: it finds out for itself where to look.
 */
export interface ErasedSubject {
  readonly tenant: string;
  readonly erasureId: string;
  /** Null when records were erased by age, and not a whole customer. */
  readonly customerKey: string | null;
  readonly destroyedGeneration: number;
  /** The watermark; what the customer sent later is new and stays. */
  readonly erasedBefore: Date;
  readonly probes: ErasureProbes;
}
