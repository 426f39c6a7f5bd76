import { findRecordFacts } from '../src/db/quality.ts';
import { checkQuality, type Evidence, type QuarantineReason, type Thresholds } from '../src/domain/quality.ts';
import { leastConfidence, thresholdsOf } from '../src/domain/quality-thresholds.ts';
import type { ActivityDependencies } from './dependencies.ts';

/** What is judged: a recognition, before its record's facts are looked up. */
export type Recognised = Omit<Evidence, 'record'> & { readonly tenant: string; readonly interactionId: string };

/** Runs every check on a recognition and counts them; answers the first that holds it back. */
export async function judgeRecognised(
  deps: ActivityDependencies,
  recognised: Recognised,
): Promise<QuarantineReason | undefined> {
  const checks = await outcomes(deps, recognised);
  for (const { check, failed } of checks) {
    const modality = recognised.kind === 'transcript' ? 'audio' : 'screenshot';
    deps.metrics.qualityChecks.inc({ check, outcome: failed ? 'held_back' : 'passed', modality });
  }
  return checks.find(({ failed }) => failed)?.check;
}

/** Judges what was recognised before with the thresholds of today. It is counted only once, when it is made. */
export async function judgeAgain(
  deps: ActivityDependencies,
  recognised: Recognised,
  minConfidence: Thresholds['minConfidence'],
): Promise<QuarantineReason | undefined> {
  return (await outcomes(deps, recognised, minConfidence)).find(({ failed }) => failed)?.check;
}

async function outcomes(
  deps: ActivityDependencies,
  { tenant, interactionId, ...evidence }: Recognised,
  minConfidence: Thresholds['minConfidence'] = leastConfidence(deps.dials),
) {
  const window = deps.dials.get('quality.duplicate_window_ms');
  const record = await findRecordFacts(deps.database.forTenant(tenant).app, tenant, interactionId, window);
  return checkQuality({ ...evidence, record }, { ...thresholdsOf(deps.dials, deps.languages), minConfidence });
}
