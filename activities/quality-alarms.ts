import { checkRates, setAlarms } from '../src/db/quality.ts';
import { isOdd, shareOf } from '../src/domain/quality-alarm.ts';
import type { ActivityDependencies } from './dependencies.ts';

/** Compares what the checks hold back with what they used to; answers how many alarms are new. */
export async function judgeRates(deps: ActivityDependencies, tenant: string): Promise<number> {
  const { database, dials, log } = deps;
  const { app } = database.forTenant(tenant);
  const rules = {
    minRecognitions: dials.get('quality.alarm_min_recognitions'),
    minShare: dials.get('quality.alarm_min_share'),
    factor: dials.get('quality.alarm_factor'),
  };
  const rates = await checkRates(
    app,
    tenant,
    dials.get('quality.alarm_window_ms'),
    dials.get('quality.alarm_baseline_ms'),
  );
  const odd = rates.filter((rate) => isOdd(rate, rules));
  const raised = await setAlarms(
    app,
    tenant,
    odd.map(({ kind, check, recognitions, failed, baselineRecognitions, baselineFailed }) => ({
      kind,
      check,
      recognitions,
      share: shareOf(failed, recognitions),
      baselineShare: shareOf(baselineFailed, baselineRecognitions),
    })),
  );
  for (const { kind, check } of raised > 0 ? odd : []) {
    log.warn({ tenant, reason: `${kind} ${check}` }, 'a check holds back far more than it used to');
  }
  return raised;
}
