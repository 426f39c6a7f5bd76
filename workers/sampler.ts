import { BacklogSampler, type SampleDependencies } from '../src/backlog/sample.ts';
import { errorForLog } from '../src/observe/log.ts';
import { inRounds, type Rounds } from './rounds.ts';

/** How soon a sampler that is switched off notices that it is wanted again. */
const LOOK_AGAIN_MS = 1_000;

/** Measures the backlog at the interval of its dial while the process runs. Any number of processes may do so. */
export function startSampler(deps: SampleDependencies): Rounds {
  const sampler = new BacklogSampler(deps);
  const rounds = inRounds(async () => {
    const everyMs = deps.dials.get('backlog.sample_interval_ms');
    if (everyMs === 0) return LOOK_AGAIN_MS;
    const started = performance.now();
    await sampler.sample().catch((error: unknown) => deps.log.warn(errorForLog(error), 'the backlog was not measured'));
    const tookMs = performance.now() - started;
    // It rests for as long as it took at the least, however much there is to measure.
    return Math.max(everyMs - tookMs, tookMs);
  });
  return {
    stop: async () => {
      await rounds.stop();
      await sampler.settled();
    },
  };
}
