import { setCurrentDetails } from '@temporalio/workflow';
import type { CanaryOutcome, CanaryRef } from '../src/domain/canary.ts';
import { canaries } from './proxies.ts';

export interface CanarySummary {
  readonly planted: number;
  readonly failed: number;
}

/**
 * Plants one synthetic record of each modality in each tenant through the public intake, looks for each through the
 * public retrieval endpoint until it is reachable or its time is over, and removes them again.
 */
export async function canary(): Promise<CanarySummary> {
  const refs = await canaries('name them').openCanaries();
  const outcomes = (await Promise.all(refs.map(plantAndWatch))).flat();
  return { planted: outcomes.length, failed: outcomes.filter(({ code }) => code !== null).length };
}

async function plantAndWatch(ref: CanaryRef): Promise<CanaryOutcome[]> {
  const planted = await canaries('plant').plantCanaries(ref);
  const outcomes = await Promise.all(
    planted.canaries.map((each) => canaries(`look for ${each.modality}`).watchCanary(each)),
  );
  setCurrentDetails(outcomes.map(({ modality, code }) => `${modality} ${code ?? 'reachable'}`).join(', '));
  await canaries('clean up').cleanUpCanaries({ ref, planted });
  return outcomes;
}
