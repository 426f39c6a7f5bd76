import { claimProbe, noteSourceAnswer, pauseFailing, resumeProbed } from '../src/db/model-sources.ts';
import { wakeParked } from '../src/db/parked-records.ts';
import { eachTenant } from '../src/each-tenant.ts';
import { MODEL_SOURCES, type ModelSource } from '../src/domain/model-source.ts';
import { errorForLog } from '../src/observe/log.ts';
import { endpointAnswers, PROBE_WITHIN_MS } from '../src/sources/probes.ts';
import type { Dependencies } from './dependencies.ts';
import { inRounds, type Rounds } from './rounds.ts';

/**
 * Pauses sources whose endpoint fails again and again, asks paused ones whether they answer again where that is wanted,
 * and wakes what waited once a source runs. Any number of processes may do so: each act is claimed in the database.
 */
export function keepSources(deps: Dependencies): Rounds {
  const looking = new Set<ModelSource>();
  return inRounds(async () => {
    await wakeAll(deps).catch((error: unknown) => deps.log.warn(errorForLog(error), 'records were not woken'));
    for (const source of MODEL_SOURCES.filter((each) => !looking.has(each))) {
      looking.add(source);
      // A probe may last a minute: the others go on.
      void look(deps, source)
        .catch((error: unknown) => deps.log.warn(errorForLog(error), 'a source was not probed'))
        .finally(() => looking.delete(source));
    }
    return deps.dials.get('sweep.interval_ms');
  });
}

async function wakeAll({ database, dials, log }: Dependencies): Promise<void> {
  await eachTenant({ database, log }, 'records were not woken', async (tenant) => {
    const woken = await wakeParked(database.forTenant(tenant).app, tenant, dials.get('sources.woken_per_round'));
    if (woken > 0) log.info({ tenant, rung: woken }, 'woke records that waited for a source');
  });
}

async function look(deps: Dependencies, source: ModelSource): Promise<void> {
  const { dials, database, log, sourceStates } = deps;
  const { deployment } = database;
  const known = sourceStates.get(source);
  if (known.state === 'running' && known.failures === 0) return;
  const afterFailures = dials.get('sources.pause_after_failures');
  const state = await claimProbe(deployment, source, {
    afterFailures,
    afterMs: dials.get('sources.pause_after_ms'),
    everyMs: dials.get('sources.probe_interval_ms'),
    takesMs: PROBE_WITHIN_MS,
  });
  if (state === undefined) return;
  const answers = await endpointAnswers(deps.probedModels, source);
  if (state === 'running' && answers) await noteSourceAnswer(deployment, source);
  if (state === 'running' && !answers && (await pauseFailing(deployment, source, afterFailures))) {
    log.error({ source }, 'paused a source whose endpoint fails again and again');
  }
  if (state === 'paused' && answers && (await resumeProbed(deployment, source))) {
    log.info({ source }, 'resumed a source whose endpoint answers again');
  }
  await sourceStates.refresh();
}
