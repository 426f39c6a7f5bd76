import { stampPickedUp } from '../src/db/standing-stages.ts';
import { errorForLog } from '../src/observe/log.ts';
import type { ActivityDependencies } from './dependencies.ts';

interface TakenBatch {
  readonly interactionIds: readonly string[];
  readonly pickedUpAt: Date;
}

/**
 * Does the work of a batch, and says in its rows that it was taken if that lasts: what waits is then put down to the
 * model and not to the queue. A batch that is not slow says so with its vectors, in one statement.
 */
export async function tellWhenSlow<T>(
  deps: ActivityDependencies,
  tenant: string,
  { interactionIds, pickedUpAt }: TakenBatch,
  work: () => Promise<T>,
): Promise<T> {
  const tell = () =>
    stampPickedUp(deps.database.forTenant(tenant).app, tenant, interactionIds, pickedUpAt).catch((error: unknown) =>
      deps.log.warn(errorForLog(error), 'a slow batch was not told of'),
    );
  const timer = setTimeout(() => void tell(), deps.dials.get('budget.tell_pickup_after_ms'));
  try {
    return await work();
  } finally {
    clearTimeout(timer);
  }
}
