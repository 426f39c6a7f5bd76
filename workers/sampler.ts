import { setTimeout as pause } from 'node:timers/promises';
import { BacklogSampler, type SampleDependencies } from '../src/backlog/sample.ts';
import { errorForLog } from '../src/observe/log.ts';

/** How soon a sampler that is switched off notices that it is wanted again. */
const LOOK_AGAIN_MS = 1_000;

/** Measures the backlog at the interval of its dial while the process runs. Any number of processes may do so. */
export function startSampler(deps: SampleDependencies): { stop(): Promise<void> } {
  const sampler = new BacklogSampler(deps);
  const stopping = new AbortController();
  const running = (async () => {
    while (!stopping.signal.aborted) {
      const everyMs = deps.dials.get('backlog.sample_interval_ms');
      const started = performance.now();
      if (everyMs > 0) {
        await sampler
          .sample()
          .catch((error: unknown) => deps.log.warn(errorForLog(error), 'the backlog was not measured'));
      }
      const tookMs = performance.now() - started;
      // It rests for as long as it took at the least, however much there is to measure.
      const restMs = everyMs === 0 ? LOOK_AGAIN_MS : Math.max(everyMs - tookMs, tookMs);
      await pause(restMs, undefined, { signal: stopping.signal }).catch(() => undefined);
    }
    await sampler.settled();
  })();
  return {
    stop: async () => {
      stopping.abort();
      await running;
    },
  };
}
