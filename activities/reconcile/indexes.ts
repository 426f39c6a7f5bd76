import { randomUUID } from 'node:crypto';
import { drawVectors, findIndexFaults, isFoundByIndex, mendIndex, type IndexFault } from '../../src/db/index-health.ts';
import type { ReconciliationRef, ReconciliationReport } from '../../src/domain/reconciliation.ts';
import type { ActivityDependencies } from '../dependencies.ts';
import { buildLimits } from '../reindex/version.ts';

const FIRST = '00000000-0000-0000-0000-000000000000';

/**
 * Looks at the indexes that answer: in the catalogue, and by asking the vector index for vectors that are there. What is
 * broken is built anew.
 */
export async function checkIndexes(
  deps: ActivityDependencies,
  { tenant }: ReconciliationRef,
  signal: AbortSignal,
): Promise<Partial<ReconciliationReport>> {
  const version = deps.indexVersions.live();
  const faults = new Set(await deps.withOwner(tenant, (owner) => findIndexFaults(owner, version)));
  if (!faults.has('vector_index') && (await countMissed(deps, tenant, signal)) > 0) faults.add('vector_index');
  const mended: IndexFault[] = [];
  for (const fault of faults) {
    deps.log.error({ tenant, code: fault, indexVersion: version.index_version }, 'an index is built anew');
    await deps.withOwner(tenant, (owner) => mendIndex(owner, version, fault, buildLimits(deps)));
    mended.push(fault);
  }
  const left = faults.size === 0 ? [] : await deps.withOwner(tenant, (owner) => findIndexFaults(owner, version));
  const count = (some: readonly IndexFault[]) => Object.fromEntries(some.map((fault) => [fault, 1]));
  return {
    missing: count([...faults]),
    repaired: count(mended.filter((fault) => !left.includes(fault))),
    unrepairable: count(left),
  };
}

/** Vectors, of a sample, that the index does not find by themselves. */
async function countMissed(deps: ActivityDependencies, tenant: string, signal: AbortSignal): Promise<number> {
  const { reader } = deps.database.forTenant(tenant);
  const version = deps.indexVersions.live();
  const limit = deps.dials.get('reconcile.index_probes');
  if (limit === 0) return 0;
  const drawn = await drawVectors(reader, tenant, version, randomUUID(), limit);
  const probes = drawn.length >= limit ? drawn : await drawVectors(reader, tenant, version, FIRST, limit);
  let missed = 0;
  for (const { chunk_id: chunkId } of probes) {
    signal.throwIfAborted();
    if (!(await isFoundByIndex(reader, tenant, version, chunkId))) missed += 1;
  }
  return missed;
}
