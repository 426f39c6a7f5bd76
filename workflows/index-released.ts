import type { QuarantineRef } from '../src/domain/activities.ts';
import { failureReason } from './failure.ts';
import { embedding, quality } from './proxies.ts';

/**
 * Makes what was let go reachable by vector; answers whether it is, or that it waits for its model: an operator's
 * decision, or what its caller waits with. Any other failure is told in its record.
 */
export async function indexReleased(
  { tenant, interactionId, artifactId }: QuarantineRef,
  callerWaits = false,
): Promise<'indexed' | 'failed' | 'waits'> {
  const record = { tenant, interactionId };
  try {
    await embedding('index what was released').indexArtifacts({ ...record, artifactIds: [artifactId] });
    return 'indexed';
  } catch (error) {
    const reason = failureReason(error);
    if (callerWaits && reason === 'model_paused') return 'waits';
    const failure = { ...record, artifactId, kind: 'index', reason } as const;
    // Runs of before such decisions waited have no answer here, and close.
    return (await quality('note the failure').recordUnindexed(failure)) ? 'waits' : 'failed';
  }
}
