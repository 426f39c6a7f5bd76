import { listTenants } from '../../src/db/subjects.ts';
import type { CanaryActivities } from '../../src/domain/activities.ts';
import { EarshotError } from '../../src/domain/errors.ts';
import { canaryIdOf } from '../../src/domain/ids.ts';
import type { ActivityDependencies } from '../dependencies.ts';
import { currentRun, withHeartbeat } from '../heartbeat.ts';
import { cleanUpCanaries } from './clean-up.ts';
import { plantCanaries } from './plant.ts';
import { watchCanary } from './watch.ts';

/** The steps of canaries, on the queue of long steps. */
export function canaryActivities(deps: ActivityDependencies): CanaryActivities {
  return {
    openCanaries: async () => {
      const runId = currentRun().runId ?? '';
      const tenants = await listTenants(deps.database.deployment);
      return tenants.map((tenant) => ({ tenant, canaryId: canaryIdOf(tenant, runId) }));
    },
    plantCanaries: (ref) => untilDrained(deps, (signal) => plantCanaries(deps, ref, signal)),
    watchCanary: (planted) => untilDrained(deps, (signal) => watchCanary(deps, planted, signal)),
    cleanUpCanaries: ({ ref, planted }) => withHeartbeat((signal) => cleanUpCanaries(deps, ref, planted, signal)),
  };
}

/**
 * A step that asks the API is handed back as soon as its process begins to stop: the API of that process is the first to
 * go, which is no loss of a canary, and nothing is gained by waiting.
 */
function untilDrained<T>({ draining }: ActivityDependencies, step: (signal: AbortSignal) => Promise<T>): Promise<T> {
  return withHeartbeat(async (cancelled) => {
    try {
      return await step(AbortSignal.any([cancelled, draining]));
    } catch (error) {
      if (!draining.aborted || cancelled.aborted) throw error;
      throw new EarshotError('handed_back', 'the process stops');
    }
  });
}
