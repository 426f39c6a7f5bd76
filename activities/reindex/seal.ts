import { sealFresh } from '../../src/db/index-partitions.ts';
import { listIndexVersions } from '../../src/db/index-versions.ts';
import { listTenants } from '../../src/db/subjects.ts';
import type { Segment } from '../../src/domain/index-segments.ts';
import { INDEX_VERSIONS_REFRESH_MS } from '../../src/index-version-reader.ts';
import type { ActivityDependencies } from '../dependencies.ts';
import { buildLimits } from './version.ts';

/** Builds an HNSW index for what is fresh in each version that answers or may; one that is being filled gets its own. */
export async function sealVersions(deps: ActivityDependencies): Promise<number> {
  const { dials, database, withOwner } = deps;
  const rules = {
    afterRows: dials.get('index.seal_after_rows'),
    maxSegments: dials.get('index.max_segments'),
    knownAfterMs: 2 * INDEX_VERSIONS_REFRESH_MS,
  };
  const tenants = await listTenants(database.deployment);
  const versions = (await listIndexVersions(database.deployment)).filter(({ state }) => state !== 'building');
  const sealed: PromiseSettledResult<Segment | null>[] = [];
  for (const version of versions) {
    const sealing = withOwner('', (owner) => sealFresh(owner, version, tenants, rules, buildLimits(deps)));
    sealed.push(...(await Promise.allSettled([sealing])));
  }
  // One that fails holds up no other.
  const failed = sealed.find((result) => result.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
  return sealed.filter((result) => result.status === 'fulfilled' && result.value !== null).length;
}
