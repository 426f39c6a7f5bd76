import type { QuarantineRef } from '../src/domain/activities.ts';
import { indexReleased } from './index-released.ts';
import { quality } from './proxies.ts';
import { copyReleased } from './redacted-copy.ts';

/**
 * Carries out an operator's decision on what was held back: puts it into service and makes it reachable, or puts it
 * aside for good. What it needs to know is in the database. A release that finds its model paused stays open, and is carried
 * out by a run that the sweep starts once the model runs.
 */
export async function decideQuarantined(ref: QuarantineRef): Promise<{ readonly served: boolean }> {
  const released = await quality('carry out the decision').applyDecision(ref);
  const outcome = released === false ? 'failed' : await indexReleased(ref);
  if (outcome !== 'waits') await quality('close').closeDecision(ref);
  await copyReleased(ref, released);
  return { served: outcome === 'indexed' };
}
