import { reindexing as steps } from './proxies.ts';

/** Once a night: removes what belongs to no index version, and builds the live index anew when it is old. */
export async function maintainIndexVersions(only?: number): Promise<MaintainedVersions> {
  const removed = await steps('remove what belongs to no version').collectVersions();
  const due = only ?? (await steps('is the index old?').findRebuildDue());
  if (due === null) return { removed, rebuilt: null };
  await steps(`rebuild the index of version ${due}`).rebuildVersionIndex({ indexVersion: due });
  return { removed, rebuilt: due };
}

export interface MaintainedVersions {
  /** Partitions. */
  readonly removed: number;
  /** The version whose index was built anew. */
  readonly rebuilt: number | null;
}
