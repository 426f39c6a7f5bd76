import { Counter, Histogram, type Registry } from 'prom-client';

export interface CanaryMetrics {
  readonly canaryReachable: Histogram<'modality' | 'stage'>;
  readonly canaryFailures: Counter<'modality' | 'code'>;
}

/** What canaries measure, in the process that looks for them. */
export function canaryMetrics(registry: Registry): CanaryMetrics {
  const registers = [registry];
  return {
    canaryReachable: new Histogram({
      name: 'earshot_canary_reachable_seconds',
      help: 'From planting a canary until it was present, found by words, by vector, and reachable.',
      labelNames: ['modality', 'stage'],
      buckets: [0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 60, 180, 600],
      registers,
    }),
    canaryFailures: new Counter({
      name: 'earshot_canary_failures_total',
      help: 'Canaries that were not reachable in time, by what did not hold.',
      labelNames: ['modality', 'code'],
      registers,
    }),
  };
}
