import { sampleProbes } from '../../src/db/erasure-probes.ts';
import { noteOnce, noteStep } from '../../src/db/erasures.ts';
import { listIndexVersions } from '../../src/db/index-versions.ts';
import type { RunsRequest } from '../../src/domain/activities.ts';
import {
  addCounts,
  NO_PROBES,
  PROBES_KEPT,
  type ErasureProbes,
  type ErasureRef,
  type StoreCounts,
} from '../../src/domain/erasure.ts';
import { countObjects } from '../../src/verification/objects.ts';
import { countFound } from '../../src/verification/read-path.ts';
import { countRuns } from '../../src/verification/runs.ts';
import type { ErasedSubject } from '../../src/verification/subject.ts';
import { countRows } from '../../src/verification/tables.ts';
import { countTemporaryFiles } from '../../src/verification/temporary-files.ts';
import type { ActivityDependencies } from '../dependencies.ts';
import { loadErasure, subjectOf } from './erasure.ts';

/** Counts what is about to go, and remembers by what it can be looked for afterwards. Once: a repeat would see less. */
export async function countBefore(
  deps: ActivityDependencies,
  request: RunsRequest,
  signal: AbortSignal,
): Promise<StoreCounts> {
  const { report } = await loadErasure(deps, request);
  if (report.before !== undefined) return report.before;
  const { app } = deps.database.forTenant(request.tenant);
  const probes = joined(await rememberProbes(deps, request), report.probes ?? NO_PROBES);
  const subject = { ...(await subjectOf(deps, request)), probes };
  const before = await countEverywhere(deps, subject, request, signal);
  await noteStep(app, request, 'countBefore', { probes });
  await noteOnce(app, request, { before });
  return before;
}

async function rememberProbes(deps: ActivityDependencies, { tenant, erasureId }: ErasureRef): Promise<ErasureProbes> {
  const { app } = deps.database.forTenant(tenant);
  return sampleProbes(app, tenant, erasureId, PROBES_KEPT);
}

/** The same for records that are erased by age. */
export async function countExpired(
  deps: ActivityDependencies,
  ref: ErasureRef,
  signal: AbortSignal,
): Promise<StoreCounts> {
  const { report } = await loadErasure(deps, ref);
  if (report.before !== undefined) return report.before;
  const { app } = deps.database.forTenant(ref.tenant);
  await noteOnce(app, ref, { probes: await rememberProbes(deps, ref) });
  const before = await countExpiredEverywhere(deps, ref, signal);
  await noteOnce(app, ref, { before });
  return before;
}

/** Executions are left to the retention of Temporal: they hold ids alone. */
export async function countExpiredEverywhere(
  deps: ActivityDependencies,
  ref: ErasureRef,
  signal: AbortSignal,
): Promise<StoreCounts> {
  return countStores(deps, await subjectOf(deps, ref), signal);
}

/** What is there now, and what an erasure that is applied again has looked for before. */
function joined(now: ErasureProbes, before: ErasureProbes): ErasureProbes {
  const runs = new Map([...before.runs, ...now.runs].map((run) => [run.runId, run]));
  return {
    chunks: [...new Set([...now.chunks, ...before.chunks])].slice(0, PROBES_KEPT),
    objects: [...new Set([...now.objects, ...before.objects])].slice(0, PROBES_KEPT),
    runs: [...runs.values()].slice(-PROBES_KEPT),
  };
}

/** Looks in every store for what should be gone, and notes what it found. */
export async function verifyErasure(
  deps: ActivityDependencies,
  request: RunsRequest & { readonly pass: 1 | 2; readonly rounds: number },
  signal: AbortSignal,
): Promise<StoreCounts> {
  const found = await countEverywhere(deps, await subjectOf(deps, request), request, signal);
  const at = new Date().toISOString();
  const { app } = deps.database.forTenant(request.tenant);
  const { report } = await loadErasure(deps, request);
  // A workflow that begins again looks again: what an earlier second pass has found is not forgotten.
  const late = request.pass === 2 ? { late: greatest(report.late ?? {}, found), secondPassAt: at } : {};
  await noteStep(app, request, 'verify', { after: found, verifiedAt: at, rounds: request.rounds, ...late });
  return found;
}

/** The greater count of each store. */
function greatest(one: StoreCounts, other: StoreCounts): StoreCounts {
  const stores = new Set([...Object.keys(one), ...Object.keys(other)]);
  return Object.fromEntries([...stores].map((store) => [store, Math.max(one[store] ?? 0, other[store] ?? 0)]));
}

/** The same at any time later. What the customer sent since the erasure is new and is not counted. */
export async function lookAgain(
  deps: ActivityDependencies,
  ref: ErasureRef,
  signal: AbortSignal,
): Promise<StoreCounts> {
  const subject = await subjectOf(deps, ref);
  if (subject.customerKey === null) return countStores(deps, subject, signal);
  return countEverywhere(deps, subject, { ...ref, startedBefore: subject.erasedBefore.toISOString() }, signal, true);
}

async function countEverywhere(
  deps: ActivityDependencies,
  subject: ErasedSubject,
  request: RunsRequest,
  signal: AbortSignal,
  later = false,
): Promise<StoreCounts> {
  const runs = await deps.withOwner(subject.tenant, (owner) =>
    countRuns(deps.temporal, owner, subject, new Date(request.startedBefore), later),
  );
  return addCounts(runs, await countStores(deps, subject, signal));
}

async function countStores(
  deps: ActivityDependencies,
  subject: ErasedSubject,
  signal: AbortSignal,
): Promise<StoreCounts> {
  const { tenant } = subject;
  const { reader } = deps.database.forTenant(tenant);
  const versions = await listIndexVersions(deps.database.deployment);
  const rows = await deps.withOwner(tenant, (owner) => countRows(owner, subject));
  const temporary = await deps.withOwner(tenant, (owner) => countTemporaryFiles(owner, subject));
  const objects = await countObjects(deps.rawStore, subject, signal);
  return addCounts(rows, temporary, objects, await countFound(reader, versions, subject));
}
