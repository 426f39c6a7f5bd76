import type { ActivityDependencies } from '../activities/dependencies.ts';
import { analyze, outgrownTables } from '../src/db/young-statistics.ts';
import { errorForLog } from '../src/observe/log.ts';
import { inRounds, type Rounds } from './rounds.ts';

/** How often the dial is looked at while it is 0. */
const LOOK_AGAIN_MS = 5_000;

/**
 * Keeps the planner's knowledge of tables that grow fast no older than their last doubling, while the process runs. Any
 * number of processes may do so.
 */
export function keepStatistics({ database, withOwner, dials, log }: ActivityDependencies): Rounds {
  const look = async () => {
    if (dials.get('database.statistics_interval_ms') === 0) return;
    const tables = await outgrownTables(database.deployment);
    if (tables.length > 0) await withOwner('', (owner) => analyze(owner, tables));
  };
  const restMs = () => dials.get('database.statistics_interval_ms') || LOOK_AGAIN_MS;
  return inRounds(async () => {
    await look().catch((error: unknown) =>
      log.warn(errorForLog(error), 'statistics of tables were not brought up to date'),
    );
    return restMs();
  }, restMs());
}
