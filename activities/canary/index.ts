import { listTenants } from '../../src/db/subjects.ts';
import type { CanaryActivities } from '../../src/domain/activities.ts';
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
    plantCanaries: (ref) => withHeartbeat((signal) => plantCanaries(deps, ref, signal)),
    watchCanary: (planted) => withHeartbeat((signal) => watchCanary(deps, planted, signal)),
    cleanUpCanaries: ({ ref, planted }) => withHeartbeat((signal) => cleanUpCanaries(deps, ref, planted, signal)),
  };
}
