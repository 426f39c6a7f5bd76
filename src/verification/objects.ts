import type { StoreCounts } from '../domain/erasure.ts';
import { EarshotError } from '../domain/errors.ts';
import type { RawStore } from '../raw-store/raw-store.ts';
import type { ErasedSubject } from './subject.ts';

/** Counts of what lies in the raw store under the customer, every version of it, and of remembered objects that are there. */
export async function countObjects(store: RawStore, subject: ErasedSubject, signal: AbortSignal): Promise<StoreCounts> {
  const { tenant, customerKey, destroyedGeneration, probes } = subject;
  const counts: Record<string, number> = {};
  if (customerKey !== null) {
    Object.assign(counts, { 'raw.versions': 0, 'raw.delete_markers': 0, 'raw.unfinished_uploads': 0 });
    for await (const { key, kind } of store.versions(`${tenant}/${customerKey}/`, signal)) {
      const generation = Number(/^g(\d+)\//.exec(key.slice(tenant.length + customerKey.length + 2))?.[1] ?? 0);
      if (generation > destroyedGeneration) continue;
      counts[`raw.${kind.replace(' ', '_')}s`]! += 1;
    }
  }
  let readable = 0;
  for (const key of probes.objects) if (await isReadable(store, key, signal)) readable += 1;
  return { ...counts, 'raw.readable_probes': readable };
}

async function isReadable(store: RawStore, key: string, signal: AbortSignal): Promise<boolean> {
  try {
    await store.get(key, signal);
    return true;
  } catch (error) {
    if (error instanceof EarshotError && error.code === 'raw_object_missing') return false;
    throw error;
  }
}
