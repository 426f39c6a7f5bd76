import type { QuarantineRef } from '../src/domain/activities.ts';
import { failureReason } from './failure.ts';
import { embedding, quality } from './proxies.ts';

/** Makes what was let go reachable by vector; answers whether it is. A failure is told in its record. */
export async function indexReleased({ tenant, interactionId, artifactId }: QuarantineRef): Promise<boolean> {
  const record = { tenant, interactionId };
  try {
    await embedding('index what was released').indexArtifacts({ ...record, artifactIds: [artifactId] });
    return true;
  } catch (error) {
    const reason = failureReason(error);
    await quality('note the failure').recordUnindexed({ ...record, artifactId, kind: 'index', reason });
    return false;
  }
}
