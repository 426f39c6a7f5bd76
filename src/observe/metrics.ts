import { collectDefaultMetrics, Counter, Histogram, Registry } from 'prom-client';
import { qualityMetrics, type QualityMetrics } from './quality-metrics.ts';

export interface Metrics extends QualityMetrics {
  readonly registry: Registry;
  readonly accepted: Counter<'channel'>;
  readonly refused: Counter<'route' | 'code'>;
  readonly rung: Counter<'channel' | 'by'>;
  readonly ringFailed: Counter<'channel'>;
  readonly batches: Histogram<'closed_by'>;
  readonly modelCalls: Histogram<'model' | 'kind'>;
  readonly modelCallsSpared: Counter<'kind'>;
  readonly activityFailures: Counter<'activity' | 'code'>;
  readonly retrieval: Histogram<'mode'>;
  readonly degraded: Counter<'part'>;
  readonly roundTrips: Counter<'statement'>;
  readonly erasures: Counter<'scope'>;
  readonly replayed: Counter<'outcome'>;
}

/** Prometheus metrics of one process. Labels are closed sets: channels, queues, codes, statement names. */
export function openMetrics(): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const registers = [registry];
  const seconds = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 60, 180, 600];
  return {
    registry,
    accepted: new Counter({
      name: 'earshot_interactions_accepted_total',
      help: 'Records that were durably accepted.',
      labelNames: ['channel'],
      registers,
    }),
    refused: new Counter({
      name: 'earshot_requests_refused_total',
      help: 'Requests that were answered with a problem.',
      labelNames: ['route', 'code'],
      registers,
    }),
    rung: new Counter({
      name: 'earshot_workflows_rung_total',
      help: 'Workflows started or signalled, by who rang.',
      labelNames: ['channel', 'by'],
      registers,
    }),
    ringFailed: new Counter({
      name: 'earshot_rings_failed_total',
      help: 'Rings that failed and were left to the sweep.',
      labelNames: ['channel'],
      registers,
    }),
    batches: new Histogram({
      name: 'earshot_chat_batch_messages',
      help: 'Messages per embedding batch, by what closed it.',
      labelNames: ['closed_by'],
      buckets: [1, 2, 5, 10, 20, 50, 100, 200, 500],
      registers,
    }),
    modelCalls: new Histogram({
      name: 'earshot_model_call_seconds',
      help: 'Model calls that were answered.',
      labelNames: ['model', 'kind'],
      buckets: seconds,
      registers,
    }),
    modelCallsSpared: sparedCalls(registry),
    activityFailures: new Counter({
      name: 'earshot_activity_failures_total',
      help: 'Failed activity attempts.',
      labelNames: ['activity', 'code'],
      registers,
    }),
    retrieval: new Histogram({
      name: 'earshot_retrieval_seconds',
      help: 'Retrieval requests.',
      labelNames: ['mode'],
      buckets: seconds,
      registers,
    }),
    degraded: new Counter({
      name: 'earshot_degraded_total',
      help: 'Answers and records that had to do without a part.',
      labelNames: ['part'],
      registers,
    }),
    erasures: new Counter({
      name: 'earshot_erasures_certified_total',
      help: 'Erasures that were verified twice and certified.',
      labelNames: ['scope'],
      registers,
    }),
    replayed: replayedRecords(registry),
    ...qualityMetrics(registers),
    roundTrips: new Counter({
      name: 'earshot_database_round_trips_total',
      help: 'Statements sent to Postgres.',
      labelNames: ['statement'],
      registers,
    }),
  };
}

function replayedRecords(registry: Registry): Counter<'outcome'> {
  return new Counter({
    name: 'earshot_replayed_records_total',
    help: 'Records that a replay has gone through, by what came of it.',
    labelNames: ['outcome'],
    registers: [registry],
  });
}

function sparedCalls(registry: Registry): Counter<'kind'> {
  return new Counter({
    name: 'earshot_model_calls_spared_total',
    help: 'Answers taken from what a model had given for the same content of the same customer.',
    labelNames: ['kind'],
    registers: [registry],
  });
}
