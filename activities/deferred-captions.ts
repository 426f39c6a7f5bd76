import { forgetDeferral, listDeferredCaptions } from '../src/db/deferred-captions.ts';
import { lockRecord } from '../src/db/record-lock.ts';
import { settleAgain } from '../src/db/replaced-records.ts';
import { markChanged } from '../src/db/rollups.ts';
import { eachTenant } from '../src/each-tenant.ts';
import type { CaptionActivities, DeferredCaptions, InteractionRef } from '../src/domain/activities.ts';
import { atLeast } from '../src/domain/pressure.ts';
import type { ActivityDependencies } from './dependencies.ts';
import { noteFailure } from './intake.ts';
import { isPaused } from './park.ts';

/** Captions that gave way under pressure, made when it is over. */
export function captionActivities(deps: ActivityDependencies): CaptionActivities {
  return {
    findDeferredCaptions: () => findDeferredCaptions(deps),
    closeDeferredCaption: async ({ record, failure }) => {
      if (failure !== null) await noteFailure(deps, { ...record, ...failure, piece: 0 });
      await close(deps, record);
      deps.metrics.captions.inc({ outcome: failure === null ? 'redone' : 'failed' });
    },
  };
}

async function findDeferredCaptions(deps: ActivityDependencies): Promise<DeferredCaptions> {
  const { pressure, database, dials } = deps;
  const parallel = dials.get('pressure.redo_captions_in_parallel');
  const limit = dials.get('pressure.redo_captions_page');
  const items: InteractionRef[] = [];
  // It is reprocessing, and waits until that may go on.
  if (atLeast(pressure.step(), 'slow_reprocessing')) return { items, parallel };
  // Each takes both; until they run it is kept as what gave way.
  if (isPaused(deps, 'vision') || isPaused(deps, 'embedding')) return { items, parallel };
  await eachTenant(deps, 'deferred captions were not looked for', async (tenant) => {
    const ids = await listDeferredCaptions(database.forTenant(tenant).app, tenant, limit);
    items.push(...ids.map((interactionId) => ({ tenant, interactionId })));
  });
  return { items, parallel };
}

/** Has the record say what it now has. One that was erased meanwhile is left to the eraser. */
async function close({ database, indexVersions }: ActivityDependencies, { tenant, interactionId }: InteractionRef) {
  const { index_version: indexVersion } = indexVersions.live();
  await database.forTenant(tenant).transaction(async (transaction) => {
    if (!(await lockRecord(transaction, tenant, interactionId))) return;
    await forgetDeferral(transaction, tenant, interactionId);
    await settleAgain(transaction, tenant, interactionId, null, indexVersion);
    await markChanged(transaction, tenant, [interactionId]);
  });
}
