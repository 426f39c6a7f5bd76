import { erasuresWithDeadSpace, noteRecertified, noteResidueCleared, noteStep } from '../../src/db/erasures.ts';
import { clearResidue, type Residue, type TooLarge } from '../../src/db/residue.ts';
import type { ErasureException, ErasureRef, ResidueReport, StoreCounts } from '../../src/domain/erasure.ts';
import { listTenants } from '../../src/db/subjects.ts';
import type { ActivityDependencies } from '../dependencies.ts';
import { beat } from '../heartbeat.ts';
import { certify } from './certify.ts';
import { loadErasure } from './erasure.ts';

/** Removes what all deletes so far have left in the files of the database. */
export function clearAllResidue(deps: ActivityDependencies, tooLarge: TooLarge): Promise<Residue> {
  const lockMs = deps.dials.get('erasure.rewrite_lock_max_ms');
  return deps.withOwner('', (owner) => clearResidue(owner, lockMs, tooLarge));
}

/** Writes into the ledger what was removed and what was put off, with its date. */
export async function noteResidue(
  deps: ActivityDependencies,
  ref: ErasureRef,
  { postponed, ...residue }: Residue,
): Promise<StoreCounts> {
  const { requested_at: requestedAt, scope } = await loadErasure(deps, ref);
  const exceptions = [
    ...postponed.map((table) => deadSpace(deps, table, requestedAt)),
    ...logs(deps, residue),
    ...(scope === 'customer' ? [timers(deps)] : []),
    backups(deps),
  ];
  await noteStep(deps.database.forTenant(ref.tenant).app, ref, 'clearResidue', { residue, exceptions });
  return { 'postgres.rewritten': residue.rewritten.length, 'postgres.postponed': postponed.length };
}

/**
 * In the maintenance window: rewrites the tables whatever their size, within the window's bound, and issues a new
 * certificate for each erasure whose last one had named them. Answers how many.
 */
export async function rewritePostponed(deps: ActivityDependencies, signal: AbortSignal): Promise<number> {
  const windowMs = deps.dials.get('erasure.window_lock_max_ms');
  if (windowMs === 0) return 0;
  const { postponed: _, ...residue } = await deps.withOwner('', (owner) => clearResidue(owner, windowMs, new Map()));
  const cleared = residue.rewritten.map((table) => `postgres.${table}`);
  let certified = 0;
  for (const tenant of await listTenants(deps.database.deployment)) {
    const { app } = deps.database.forTenant(tenant);
    for (const { erasure_id: erasureId, report } of await erasuresWithDeadSpace(app, tenant, cleared)) {
      const exceptions = (report.exceptions ?? []).filter(({ store }) => !cleared.includes(store));
      // An attempt before this one may have come as far as here.
      if (report.recertify === undefined) {
        const residueClearedAt = new Date().toISOString();
        await noteResidueCleared(app, tenant, erasureId, { exceptions, residue, residueClearedAt });
      }
      await certify(deps, { tenant, erasureId }, signal);
      await noteRecertified(app, tenant, erasureId);
      certified += 1;
      beat();
    }
  }
  return certified;
}

function deadSpace(deps: ActivityDependencies, table: string, requestedAt: Date): ErasureException {
  return {
    store: `postgres.${table}`,
    what: 'bytes of deleted rows, redacted text or vectors, in unallocated space of the table until it is rewritten',
    goneBy: new Date(requestedAt.getTime() + deps.dials.get('erasure.residue_deadline_ms')).toISOString(),
  };
}

function logs(deps: ActivityDependencies, residue: ResidueReport): ErasureException[] {
  const { checkpointedAt, walSwitchedAt, walRecycled } = residue;
  if (checkpointedAt !== null && walSwitchedAt !== null && !walRecycled) return [];
  const why = walRecycled ? 'the server has wal_recycle on' : 'this role may not switch it';
  const what = `write-ahead log of before the erasure: ${why}; gone when the server has written over it`;
  return [{ store: 'postgres.wal', what, goneBy: within(deps.dials.get('erasure.residue_deadline_ms')) }];
}

/**
 * Deleting an execution leaves its timers, which find nothing when they fire, and tasks that were done, which matching
 * clears away in batches. Both name it by keyed hash until then.
 */
function timers(deps: ActivityDependencies): ErasureException {
  const what =
    'ids of deleted executions, which are keyed hashes, in timers and done tasks of the server until it clears them';
  return { store: 'temporal.timers', what, goneBy: within(deps.dials.get('erasure.residue_deadline_ms')) };
}

/** Rows in backups are in clear but for what was sealed: gone with the last backup, and kept from returning by the ledger. */
function backups(deps: ActivityDependencies): ErasureException {
  const what = 'backups of before the erasure, if there are any; reapply-erasures must follow a restore';
  return { store: 'postgres.backups', what, goneBy: within(deps.dials.get('erasure.backup_retention_ms')) };
}

function within(ms: number): string {
  return new Date(Date.now() + ms).toISOString();
}
