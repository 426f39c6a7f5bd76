import { rebuildIndex } from '../../src/db/index-partitions.ts';
import { findPair, findReindex, noteRebuilt } from '../../src/db/reindexes.ts';
import { listTenants } from '../../src/db/subjects.ts';
import type { IndexVersionRow } from '../../src/db/index-versions.ts';
import type { VersionRef } from '../../src/domain/activities.ts';
import type { ActivityDependencies } from '../dependencies.ts';
import { buildLimits, loadVersion } from './version.ts';
import { mean, recallSamples, recallsOf } from './measure.ts';

const DAY_MS = 86_400_000;

/** The live version, when its index was last built longer ago than the dial allows. */
export async function findRebuildDue(deps: ActivityDependencies): Promise<number | null> {
  const days = deps.dials.get('reindex.rebuild_after_days');
  if (days === 0) return null;
  const { live } = await findPair(deps.database.deployment);
  const row = await findReindex(deps.database.deployment, live);
  const built = row?.rebuilt_at ?? row?.indexed_at ?? null;
  return built !== null && built.getTime() < Date.now() - days * DAY_MS ? live : null;
}

/** Builds an HNSW index anew without blocking anyone, and measures what that gained. */
export async function rebuildVersionIndex(
  deps: ActivityDependencies,
  ref: VersionRef,
  signal: AbortSignal,
): Promise<{ recallBefore: number | null; recallAfter: number | null }> {
  const version = await loadVersion(deps, ref);
  if (version.state === 'dropped') return { recallBefore: null, recallAfter: null };
  const started = Date.now();
  const recallBefore = await recallOf(deps, version, signal);
  await deps.withOwner('', (owner) => rebuildIndex(owner, version, buildLimits(deps)));
  const recallAfter = await recallOf(deps, version, signal);
  const k = deps.dials.get('reindex.sample_k');
  const report = { recallBefore, recallAfter, k, tookMs: Date.now() - started };
  await noteRebuilt(deps.database.deployment, version.index_version, report);
  return { recallBefore, recallAfter };
}

async function recallOf(
  deps: ActivityDependencies,
  version: IndexVersionRow,
  signal: AbortSignal,
): Promise<number | null> {
  const recalls: number[] = [];
  for (const tenant of await listTenants(deps.database.deployment)) {
    const samples = await recallSamples(deps, tenant, version);
    recalls.push(...(await recallsOf(deps, tenant, version, samples, signal)));
  }
  return mean(recalls);
}
