import { setCurrentDetails, sleep } from '@temporalio/workflow';
import { totalOf, type ErasureRef } from '../src/domain/erasure.ts';
import { retention as steps } from './proxies.ts';

/** Between a look that found something and the next round, twice as long each time. */
const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 60 * 60_000;

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
  for (let pause = FIRST_PAUSE_MS; ; pause = Math.min(2 * pause, LONGEST_PAUSE_MS)) {
    await steps('write tombstones').markExpired(ref);
    await steps('count what there is').countExpired(ref);
    await steps('delete rows and raw objects').deleteExpired(ref);
    await steps('remove what deletes leave').clearResidue(ref);
    if (totalOf(await steps('look everywhere').verifyExpired(ref)) === 0) break;
    await sleep(pause);
  }
  await steps('certify').certify(ref);
}
