import type { ErasureRef, StoreCounts } from '../src/domain/erasure.ts';
import { verification } from './proxies.ts';

/** Looks everywhere once more, days or years after an erasure, from what its record remembers. */
export async function verifyErasure(ref: ErasureRef): Promise<StoreCounts> {
  return verification('look everywhere again').lookAgain(ref);
}
