import { cancelErasure, noteStep, raiseFence } from '../../src/db/erasures.ts';
import type {
  ErasureActivities,
  OpenedErasure,
  ResidueActivities,
  RetentionActivities,
  VerificationActivities,
} from '../../src/domain/activities.ts';
import { coalesced } from '../../src/coalesced.ts';
import type { TooLarge } from '../../src/db/residue.ts';
import type { ErasureRef, ErasureStep } from '../../src/domain/erasure.ts';
import { writeLedgerEntry } from '../../src/erasure/ledger.ts';
import type { ActivityDependencies } from '../dependencies.ts';
import { withHeartbeat } from '../heartbeat.ts';
import { certify } from './certify.ts';
import { deleteObjects, deleteRows, destroyKeys, markRecords } from './destroy.ts';
import { loadErasure, loadFenced } from './erasure.ts';
import { clearAllResidue, noteResidue, rewritePostponed } from './residue.ts';
import { awaitDeletion, deleteExecutions, stopRuns } from './runs.ts';
import { deleteExpired, markExpired, openRetention, verifyExpired } from './retention.ts';
import { countBefore, countExpired, lookAgain, verifyErasure } from './verify.ts';

export type BatchActivities = ErasureActivities & VerificationActivities & ResidueActivities & RetentionActivities;

/** The steps of erasures, on the queue that nobody waits for. */
export function batchActivities(deps: ActivityDependencies): BatchActivities {
  const noted = <Ref extends ErasureRef, T>(
    step: ErasureStep,
    action: (ref: Ref, signal: AbortSignal) => Promise<T>,
  ) => {
    return (ref: Ref): Promise<T> =>
      withHeartbeat(async (signal) => {
        await noteStep(deps.database.forTenant(ref.tenant).app, ref, step);
        return action(ref, signal);
      });
  };
  // Several erasures at once need the tables, which all tenants share, vacuumed and rewritten once.
  const tooLarge: TooLarge = new Map();
  const clearResidue = coalesced(() => clearAllResidue(deps, tooLarge));
  return {
    openErasure: (ref) => openErasure(deps, ref),
    raiseFence: async (ref) =>
      (await raiseFence(deps.database.forTenant(ref.tenant), ref.erasureId))?.state ?? 'refused',
    cancelScheduled: (ref) => cancelErasure(deps.database.forTenant(ref.tenant).app, ref.tenant, ref.erasureId),
    writeLedger: noted('writeLedger', (ref, signal) => writeLedger(deps, ref, signal)),
    stopRuns: noted('stopRuns', (request) => stopRuns(deps, request)),
    markRecords: noted('markRecords', (ref, signal) => markRecords(deps, ref, signal)),
    countBefore: noted('countBefore', (request, signal) => countBefore(deps, request, signal)),
    destroyKeys: noted('destroyKeys', (ref) => destroyKeys(deps, ref)),
    deleteRuns: noted('deleteRuns', (request) => deleteExecutions(deps, request)),
    deleteRows: noted('deleteRows', (ref, signal) => deleteRows(deps, ref, signal)),
    deleteObjects: noted('deleteObjects', (ref, signal) => deleteObjects(deps, ref, signal)),
    awaitRuns: noted('awaitRuns', (request) => awaitDeletion(deps, request)),
    clearResidue: noted('clearResidue', async (ref) => noteResidue(deps, ref, await clearResidue())),
    verifyErasure: noted('verify', (request, signal) => verifyErasure(deps, request, signal)),
    lookAgain: (ref) => withHeartbeat((signal) => lookAgain(deps, ref, signal)),
    rewritePostponed: () => withHeartbeat((signal) => rewritePostponed(deps, signal)),
    openRetention: () => withHeartbeat(() => openRetention(deps)),
    markExpired: noted('markRecords', (ref, signal) => markExpired(deps, ref, signal)),
    countExpired: noted('countBefore', (ref, signal) => countExpired(deps, ref, signal)),
    deleteExpired: noted('deleteRows', (ref, signal) => deleteExpired(deps, ref, signal)),
    verifyExpired: noted('verify', (ref, signal) => verifyExpired(deps, ref, signal)),
    certify: noted('certify', (ref, signal) => certify(deps, ref, signal)),
  };
}

async function openErasure(deps: ActivityDependencies, ref: ErasureRef): Promise<OpenedErasure> {
  const { state, erase_after: eraseAfter } = await loadErasure(deps, ref);
  return {
    state,
    graceMs: Math.max(0, eraseAfter.getTime() - Date.now()),
    secondPassAfterMs: deps.dials.get('erasure.second_pass_after_ms'),
  };
}

/** The copy outside of the database, before the first byte is destroyed. */
async function writeLedger(deps: ActivityDependencies, ref: ErasureRef, signal: AbortSignal): Promise<void> {
  const row = await loadErasure(deps, ref);
  const { customerKey, erasedBefore, destroyedGeneration } = await loadFenced(deps, ref);
  await writeLedgerEntry(
    deps.rawStore,
    {
      ...ref,
      customerKey,
      destroyedGeneration,
      requestedAt: row.requested_at.toISOString(),
      dueAt: row.due_at.toISOString(),
      erasedBefore: erasedBefore.toISOString(),
    },
    signal,
  );
}
