import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import { listSources } from '../db/model-sources.ts';
import type { Database } from '../db/pools.ts';
import { shared } from './shared.ts';

/** How the endpoints of models behave, and what is held back from them. */
export interface SourceMetrics {
  readonly sourceFailures: Counter<'source'>;
  readonly slotWaits: Histogram<'source' | 'live'>;
}

const SECONDS = [0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300];

export function sourceMetrics(registry: Registry): SourceMetrics {
  const registers = [registry];
  return {
    sourceFailures: new Counter({
      name: 'earshot_model_endpoint_failures_total',
      help: 'Requests that a model endpoint did not answer, or answered with 5xx, 401 or 403.',
      labelNames: ['source'],
      registers,
    }),
    slotWaits: new Histogram({
      name: 'earshot_model_slot_wait_seconds',
      help: 'How long requests to models waited for the limit that all processes share.',
      labelNames: ['source', 'live'],
      buckets: SECONDS,
      registers,
    }),
  };
}

/** How sources stand, read when the metrics are asked for. */
export function observeSources(registry: Registry, database: Database): void {
  const registers = [registry];
  const read = shared(() => listSources(database.deployment));
  new Gauge({
    name: 'earshot_source_paused',
    help: 'Whether a kind of model is paused, by an operator or for failures.',
    labelNames: ['source'],
    registers,
    async collect() {
      for (const { source, state } of await read()) {
        this.set({ source }, state === 'paused' ? 1 : 0);
      }
    },
  });
  new Gauge({
    name: 'earshot_source_failures_in_a_row',
    help: 'Failures of a model endpoint since its last good answer, over all workers.',
    labelNames: ['source'],
    registers,
    async collect() {
      for (const { source, failures } of await read()) this.set({ source }, failures);
    },
  });
}
