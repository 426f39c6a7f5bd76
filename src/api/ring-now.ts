import type { Ring, RingTarget } from '../temporal/ring.ts';
import { errorForLog } from '../observe/log.ts';
import type { Logger } from '../observe/log.ts';
import type { Metrics } from '../observe/metrics.ts';
import type { DialReader } from '../dial-reader.ts';

export interface RingDependencies {
  readonly ring: Ring;
  readonly dials: Pick<DialReader, 'get'>;
  readonly metrics: Metrics;
  readonly log: Logger;
}

/** Rings for a session whose record is durable. A bell that does not answer is left to the sweep, visibly. */
export async function ringNow(deps: RingDependencies, target: RingTarget): Promise<void> {
  const { channel, sessionId } = target;
  try {
    await deps.ring(target, deps.dials.get('intake.ring_timeout_ms'));
    deps.metrics.rung.inc({ channel, by: 'intake' });
  } catch (error) {
    deps.metrics.ringFailed.inc({ channel });
    deps.log.warn({ sessionId, channel, ...errorForLog(error) }, 'the ring failed and is left to the sweep');
  }
}
