import { sealFresh } from '../../src/db/index-partitions.ts';
import { listIndexVersions } from '../../src/db/index-versions.ts';
import { listTenants } from '../../src/db/subjects.ts';
import type { ActivityDependencies } from '../dependencies.ts';
import { buildLimits } from './version.ts';

/** Builds an HNSW index for what is fresh in each version that answers or may; one that is being filled gets its own. */
export async function sealVersions(deps: ActivityDependencies): Promise<number> {
  const { dials, database, withOwner } = deps;
  const rules = { afterRows: dials.get('index.seal_after_rows'), maxSegments: dials.get('index.max_segments') };
  const tenants = await listTenants(database.deployment);
  let built = 0;
  for (const version of await listIndexVersions(database.deployment)) {
    if (version.state === 'building') continue;
    const segment = await withOwner('', (owner) => sealFresh(owner, version, tenants, rules, buildLimits(deps)));
    if (segment !== null) built += 1;
  }
  return built;
}
