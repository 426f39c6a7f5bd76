import type { ActivityDependencies } from '../activities/dependencies.ts';
import type { DialName } from '../src/domain/dials.ts';
import { CANARY_WORKFLOW, RECONCILIATION_WORKFLOW, REDO_CAPTIONS_WORKFLOW } from '../src/domain/workflows.ts';
import { errorForLog } from '../src/observe/log.ts';
import { keepInterval } from '../src/temporal/interval-schedules.ts';
import { inRounds, type Rounds } from './rounds.ts';

/** Schedules whose interval is a dial. */
const SCHEDULES: readonly { scheduleId: string; workflowType: string; dial: DialName }[] = [
  { scheduleId: 'canary', workflowType: CANARY_WORKFLOW, dial: 'canary.interval_ms' },
  { scheduleId: 'reconcile', workflowType: RECONCILIATION_WORKFLOW, dial: 'reconcile.interval_ms' },
  { scheduleId: 'redo-captions', workflowType: REDO_CAPTIONS_WORKFLOW, dial: 'pressure.redo_captions_interval_ms' },
];

/** How often dials are compared with what the schedules were last told. */
const EVERY_MS = 1_000;

/** Keeps schedules at the interval of their dials while the process runs. Any number of processes may do so. */
export function keepSchedules({ temporal, dials, log }: ActivityDependencies): Rounds {
  const told = new Map<string, number>();
  const keep = async () => {
    for (const { scheduleId, workflowType, dial } of SCHEDULES) {
      const everyMs = dials.get(dial);
      if (told.get(scheduleId) === everyMs) continue;
      await keepInterval(temporal, { scheduleId, workflowType, everyMs });
      told.set(scheduleId, everyMs);
    }
  };
  return inRounds(async () => {
    await keep().catch((error: unknown) => log.warn(errorForLog(error), 'a schedule was not brought to its interval'));
    return EVERY_MS;
  });
}
