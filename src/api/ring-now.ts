import type { RingTarget } from '../temporal/ring.ts';
import { errorForLog } from '../observe/log.ts';
import type { ApiDependencies } from './dependencies.ts';

/** Rings for a session whose record is durable. A bell that does not answer is left to the sweep, visibly. */
export async function ringNow(deps: ApiDependencies, target: RingTarget): Promise<void> {
  const { channel, sessionId } = target;
  try {
    await deps.ring(target, deps.dials.get('intake.ring_timeout_ms'));
    deps.metrics.rung.inc({ channel, by: 'intake' });
  } catch (error) {
    deps.metrics.ringFailed.inc({ channel });
    deps.log.warn({ sessionId, channel, ...errorForLog(error) }, 'the ring failed and is left to the sweep');
  }
}
