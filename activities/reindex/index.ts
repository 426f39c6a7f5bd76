import { setTimeout as delay } from 'node:timers/promises';
import { INDEX_VERSIONS_REFRESH_MS } from '../../src/index-version-reader.ts';
import { ensureIndex, ensurePartition, removeOrphans } from '../../src/db/index-partitions.ts';
import { dropVersion, findPair, noteIndexed, noteProgress, switchTo, writersHorizon } from '../../src/db/reindexes.ts';
import { listTenants } from '../../src/db/subjects.ts';
import { clearFailures, countServed } from '../../src/db/version-vectors.ts';
import type { OpenedVersion, ReindexActivities, VersionRef } from '../../src/domain/activities.ts';
import { DEPLOYMENT_TENANT } from '../../src/domain/tenant.ts';
import type { ActivityDependencies } from '../dependencies.ts';
import { withHeartbeat } from '../heartbeat.ts';
import { fillVersion } from './fill.ts';
import { measureVersion } from './measure.ts';
import { findRebuildDue, rebuildVersionIndex } from './rebuild.ts';
import { openVersionReplays } from './replays.ts';
import { sealVersions } from './seal.ts';
import { settleVersionTexts } from './settle-texts.ts';
import { buildLimits, loadVersion } from './version.ts';

/** A fifth of the heartbeat timeout in workflows/proxies.ts. */
const BEAT_MS = 2_000;

/** The steps of a re-embedding. */
export function reindexActivities(deps: ActivityDependencies): ReindexActivities {
  const { deployment } = deps.database;
  return {
    prepareVersion: (ref) => beating((signal) => prepareVersion(deps, ref, signal)),
    surveyVersion: (ref) => beating(() => surveyVersion(deps, ref)),
    fillVersion: (request) => beating((signal) => fillVersion(deps, request, signal)),
    clearFailures: ({ indexVersion }) => beating(() => clearAllFailures(deps, indexVersion)),
    buildVersionIndex: (ref) => beating(() => buildVersionIndex(deps, ref)),
    measureVersion: (request) => beating((signal) => measureVersion(deps, request, signal)),
    switchToVersion: ({ indexVersion }) =>
      beating(() => switchTo(anyTenant(deps), indexVersion, deps.dials.get('reindex.grace_ms'))),
    awaitWriters: () => beating((signal) => awaitWriters(deps, signal)),
    readPair: async ({ indexVersion }) => {
      const { live, beside, drop_in_ms: dropInMs, keeper } = await findPair(deployment);
      return { live, beside: keeper === indexVersion ? beside : null, dropInMs };
    },
    noteReindex: ({ indexVersion, progress }) => noteProgress(deployment, indexVersion, progress),
    dropVersion: async ({ indexVersion, when }) => void (await dropVersion(deployment, indexVersion, when)),
    collectVersions: () => beating((signal) => collectVersions(deps, signal)),
    sealFresh: () => beating(() => sealVersions(deps)),
    findRebuildDue: () => findRebuildDue(deps),
    rebuildVersionIndex: (ref) => beating((signal) => rebuildVersionIndex(deps, ref, signal)),
  };
}

/** A lost worker is noticed soon, for live texts are not held up by it. */
function beating<T>(step: (signal: AbortSignal) => Promise<T>): Promise<T> {
  return withHeartbeat(step, BEAT_MS);
}

/** Index versions belong to the deployment; a transaction needs a connection, and any tenant's will do. */
function anyTenant(deps: ActivityDependencies) {
  return deps.database.forTenant(DEPLOYMENT_TENANT);
}

/** Removes what belongs to no version, makes the partition, and writes down what recognises anew for it. */
async function prepareVersion(
  deps: ActivityDependencies,
  ref: VersionRef,
  signal: AbortSignal,
): Promise<OpenedVersion> {
  await collectVersions(deps, signal);
  const version = await loadVersion(deps, ref);
  const opened = { state: version.state, indexed: version.indexed_at !== null };
  if (version.state !== 'building') return { ...opened, replays: [] };
  await deps.withOwner('', (owner) => ensurePartition(owner, version));
  return { ...opened, replays: await openVersionReplays(deps, version) };
}

async function surveyVersion(
  deps: ActivityDependencies,
  { indexVersion }: VersionRef,
): Promise<{ total: number; asOf: string }> {
  const { now } = await writersHorizon(deps.database.deployment);
  let total = 0;
  for (const tenant of await listTenants(deps.database.deployment)) {
    total += await deps.withOwner(tenant, (owner) => countServed(owner, tenant, indexVersion));
  }
  return { total, asOf: new Date(now).toISOString() };
}

async function clearAllFailures(deps: ActivityDependencies, indexVersion: number): Promise<void> {
  for (const tenant of await listTenants(deps.database.deployment)) {
    await clearFailures(deps.database.forTenant(tenant).app, tenant, indexVersion);
  }
}

async function buildVersionIndex(deps: ActivityDependencies, ref: VersionRef): Promise<void> {
  const version = await loadVersion(deps, ref);
  if (version.state === 'dropped') return;
  await deps.withOwner('', (owner) => ensureIndex(owner, version, buildLimits(deps)));
  await noteIndexed(deps.database.deployment, version.index_version);
}

/** Transactions that are under way end within 15 s, by their own limits. */
const WRITERS_WITHIN_MS = 60_000;
const LOOK_AGAIN_MS = 100;

/**
 * Waits until nobody can write as if the switch had not been: readers of the versions know within their refresh, and
 * transactions that began before have ended.
 */
async function awaitWriters(deps: ActivityDependencies, signal: AbortSignal): Promise<void> {
  await deps.indexVersions.refresh();
  await delay(2 * INDEX_VERSIONS_REFRESH_MS, undefined, { signal });
  const { deployment } = deps.database;
  const begun = BigInt((await writersHorizon(deployment)).next);
  const deadline = Date.now() + WRITERS_WITHIN_MS;
  while (BigInt((await writersHorizon(deployment)).oldest) < begun && Date.now() < deadline) {
    await delay(LOOK_AGAIN_MS, undefined, { signal });
  }
}

/** Decides what is to become of texts that belong to one version, and removes partitions of versions that are no more. */
async function collectVersions(deps: ActivityDependencies, signal: AbortSignal): Promise<number> {
  const tenants = await listTenants(deps.database.deployment);
  for (const tenant of tenants) await settleVersionTexts(deps, tenant, signal);
  const removed = await deps.withOwner('', removeOrphans);
  for (const indexVersion of removed) await clearAllFailures(deps, indexVersion);
  return removed.length;
}
