import { randomUUID } from 'node:crypto';
import { drawRawObjects, knownRecords, removeOrphanVectors } from '../../src/db/orphans.ts';
import { ringForStuck } from '../../src/db/reconcile-repairs.ts';
import type { ReconciliationRef, ReconciliationReport } from '../../src/domain/reconciliation.ts';
import { recordOf } from '../../src/raw-store/object-key.ts';
import type { ActivityDependencies } from '../dependencies.ts';

/** Keys that are looked up at a time. */
const PAGE = 500;

/** Objects that are deleted side by side, so that little time passes between the last look and the deletion. */
const DELETED_AT_ONCE = 10;

/** Compares records with raw objects both ways, and rings for records that wait for too long. */
export async function compareObjects(
  deps: ActivityDependencies,
  { tenant }: ReconciliationRef,
  signal: AbortSignal,
): Promise<Partial<ReconciliationReport>> {
  const { app } = deps.database.forTenant(tenant);
  const waiting = await ringForStuck(app, tenant, deps.dials.get('reconcile.stuck_after_ms'));
  const lost = await countLost(deps, tenant, signal);
  const objects = await removeOrphanObjects(deps, tenant, signal);
  const vectors = await removeOrphanVectors(app, tenant);
  return {
    missing: lost === 0 ? {} : { raw: lost },
    unrepairable: {
      ...(lost === 0 ? {} : { raw_object_missing: lost }),
      ...(waiting === 0 ? {} : { waits_too_long: waiting }),
    },
    orphansRemoved: {
      ...(objects === 0 ? {} : { raw: objects }),
      ...(vectors === 0 ? {} : { vector: vectors }),
    },
  };
}

/** Of a sample of records, those whose bytes are not in the raw store: nothing can make these anew. */
async function countLost(deps: ActivityDependencies, tenant: string, signal: AbortSignal): Promise<number> {
  const { app } = deps.database.forTenant(tenant);
  const limit = deps.dials.get('reconcile.raw_probes');
  let lost = 0;
  for (const { interaction_id, raw_object } of await draw(
    (after) => drawRawObjects(app, tenant, after, limit),
    limit,
  )) {
    if (await isStored(deps, raw_object, signal)) continue;
    // Erased meanwhile?
    if ((await knownRecords(app, tenant, [interaction_id])).length > 0) lost += 1;
  }
  return lost;
}

async function isStored({ rawStore }: ActivityDependencies, key: string, signal: AbortSignal): Promise<boolean> {
  for await (const version of rawStore.versions(key, signal)) {
    if (version.key === key && version.kind === 'version') return true;
  }
  return false;
}

/** From a random id on, and from the first when too few follow. */
async function draw<Row>(page: (after: string) => Promise<Row[]>, limit: number): Promise<Row[]> {
  if (limit === 0) return [];
  const drawn = await page(randomUUID());
  return drawn.length >= limit ? drawn : page('00000000-0000-0000-0000-000000000000');
}

/** Removes objects of records that are not in the log, once no upload can be on its way to its row any more. */
async function removeOrphanObjects(deps: ActivityDependencies, tenant: string, signal: AbortSignal): Promise<number> {
  const before = Date.now() - deps.dials.get('reconcile.orphan_grace_ms');
  let page: string[] = [];
  let removed = 0;
  for await (const { key, writtenAt } of deps.rawStore.list(`${tenant}/`, signal)) {
    if (writtenAt.getTime() > before || recordOf(key) === undefined) continue;
    page.push(key);
    if (page.length < PAGE) continue;
    removed += await removeUnknown(deps, tenant, page, signal);
    page = [];
  }
  return removed + (await removeUnknown(deps, tenant, page, signal));
}

async function removeUnknown(
  { database, rawStore }: ActivityDependencies,
  tenant: string,
  keys: readonly string[],
  signal: AbortSignal,
): Promise<number> {
  const suspects = await withoutRecord(database, tenant, keys);
  let removed = 0;
  for (let start = 0; start < suspects.length; start += DELETED_AT_ONCE) {
    // An upload that was retried meanwhile has its row now: asked again right before bytes go.
    const orphans = await withoutRecord(database, tenant, suspects.slice(start, start + DELETED_AT_ONCE));
    await Promise.all(orphans.map((key) => rawStore.delete(key, signal)));
    removed += orphans.length;
  }
  return removed;
}

async function withoutRecord(
  database: ActivityDependencies['database'],
  tenant: string,
  keys: readonly string[],
): Promise<string[]> {
  if (keys.length === 0) return [];
  const ids = [...new Set(keys.flatMap((key) => recordOf(key) ?? []))];
  const known = new Set(await knownRecords(database.forTenant(tenant).app, tenant, ids));
  return keys.filter((key) => !known.has(recordOf(key) ?? ''));
}
