import { findArrivals, parkRecords, parkSession } from '../src/db/parked-records.ts';
import type { IndexMessagesRequest, IndexMessagesResult } from '../src/domain/activities.ts';
import { EarshotError } from '../src/domain/errors.ts';
import { isHeld, type ModelSource } from '../src/domain/model-source.ts';
import type { ActivityDependencies } from './dependencies.ts';

/** Whether records would only find the source's model paused. */
export function isPaused({ sourceStates }: ActivityDependencies, source: ModelSource): boolean {
  return isHeld(sourceStates.get(source), true);
}

/** Hands on what a workflow is to do, unless its source is paused: then it waits as rows. */
export async function parkIfPaused(
  deps: ActivityDependencies,
  tenant: string,
  interactionIds: readonly string[],
  source: ModelSource,
): Promise<boolean> {
  if (interactionIds.length === 0 || !isPaused(deps, source)) return false;
  await parkRecords(deps.database.forTenant(tenant).app, tenant, interactionIds, source);
  return true;
}

/** A batch of messages that waits for the embedding model as rows, with its session asleep, while that is paused. */
export async function parkMessagesWhilePaused(
  deps: ActivityDependencies,
  { tenant, sessionId }: IndexMessagesRequest,
  index: () => Promise<IndexMessagesResult>,
): Promise<IndexMessagesResult> {
  try {
    if (!isPaused(deps, 'embedding')) return await index();
  } catch (error) {
    if (!(error instanceof EarshotError) || error.code !== 'model_paused') throw error;
  }
  const { app } = deps.database.forTenant(tenant);
  const arrivals = await findArrivals(app, tenant, sessionId);
  const asleep = arrivals === undefined || (await parkSession(app, tenant, sessionId, arrivals, 'embedding'));
  return { messages: 0, closedBy: 'time', asleep };
}
