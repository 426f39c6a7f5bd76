import { setCurrentDetails } from '@temporalio/workflow';
import type { ErasureRef } from '../src/domain/erasure.ts';
import { retention as steps } from './proxies.ts';

/**
 * Erases what is older than its class may be, as an erasure of its own for each tenant that has any: with tombstones,
 * verification and certificate. Customers' keys stay, for their younger records are sealed under them too.
 */
export async function retention(): Promise<{ readonly erasures: number }> {
  const due = await steps('find what is too old').openRetention();
  for (const ref of due) {
    setCurrentDetails(`erasure ${ref.erasureId}`);
    await eraseExpired(ref);
  }
  return { erasures: due.length };
}

async function eraseExpired(ref: ErasureRef): Promise<void> {
  await steps('write tombstones').markExpired(ref);
  await steps('count what there is').countExpired(ref);
  await steps('delete rows and raw objects').deleteExpired(ref);
  await steps('remove what deletes leave').clearResidue(ref);
  await steps('look everywhere').verifyExpired(ref);
  await steps('certify').certify(ref);
}
