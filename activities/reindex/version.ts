import type { BuildLimits } from '../../src/db/index-segments.ts';
import { findReindex, type ReindexRow } from '../../src/db/reindexes.ts';
import type { VersionRef } from '../../src/domain/activities.ts';
import { EarshotError } from '../../src/domain/errors.ts';
import type { ActivityDependencies } from '../dependencies.ts';

/** @throws EarshotError `not_found` */
export async function loadVersion(deps: ActivityDependencies, { indexVersion }: VersionRef): Promise<ReindexRow> {
  const row = await findReindex(deps.database.deployment, indexVersion);
  if (row === undefined) throw new EarshotError('not_found', `there is no index version ${indexVersion}`);
  return row;
}

export function buildLimits({ dials }: ActivityDependencies): BuildLimits {
  return { memoryMb: dials.get('reindex.build_memory_mb'), workers: dials.get('reindex.build_workers') };
}
