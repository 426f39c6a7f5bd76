import { collectDefaultMetrics, Counter, Histogram, Registry } from 'prom-client';
import { canaryMetrics, type CanaryMetrics } from './canary-metrics.ts';
import { intakeMetrics, type IntakeMetrics } from './intake-metrics.ts';
import { qualityMetrics, type QualityMetrics } from './quality-metrics.ts';
import { sourceMetrics, type SourceMetrics } from './source-metrics.ts';
import { reindexMetrics, type ReindexMetrics } from './reindex-metrics.ts';

export interface Metrics extends CanaryMetrics, IntakeMetrics, QualityMetrics, ReindexMetrics, SourceMetrics {
  readonly registry: Registry;
  readonly accepted: Counter<'channel' | 'sender'>;
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
  readonly joined: Histogram<'request'>;
  readonly atOnce: Counter<'outcome'>;
  readonly erasures: Counter<'scope'>;
  readonly replayed: Counter<'outcome'>;
  readonly lineageEvents: Counter<'outcome'>;
}

/** Prometheus metrics of one process. Labels are closed sets: channels, queues, codes, statement names. */
export function openMetrics(): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const registers = [registry];
  const counter = <Label extends string>(name: string, help: string, ...labelNames: Label[]) =>
    new Counter({ name: `earshot_${name}_total`, help, labelNames, registers });
  const histogram = <Label extends string>(name: string, help: string, buckets: number[], ...labelNames: Label[]) =>
    new Histogram({ name: `earshot_${name}`, help, labelNames, buckets, registers });
  return {
    registry,
    ...canaryMetrics(registry),
    ...intakeMetrics(registry),
    ...qualityMetrics(registers),
    ...reindexMetrics(registry),
    ...sourceMetrics(registry),
    accepted: counter('interactions_accepted', 'Records that were durably accepted.', 'channel', 'sender'),
    refused: counter('requests_refused', 'Requests that were answered with a problem.', 'route', 'code'),
    rung: counter('workflows_rung', 'Workflows started or signalled, by who rang.', 'channel', 'by'),
    ringFailed: counter('rings_failed', 'Rings that failed and were left to the sweep.', 'channel'),
    batches: histogram('chat_batch_messages', 'Messages per embedding batch, by what closed it.', SIZES, 'closed_by'),
    modelCalls: histogram('model_call_seconds', 'Model calls that were answered.', SECONDS, 'model', 'kind'),
    modelCallsSpared: counter(
      'model_calls_spared',
      'Answers taken from what a model had given for the same content of the same customer.',
      'kind',
    ),
    activityFailures: counter('activity_failures', 'Failed activity attempts.', 'activity', 'code'),
    retrieval: histogram('retrieval_seconds', 'Retrieval requests.', SECONDS, 'mode'),
    degraded: counter('degraded', 'Answers and records that had to do without a part.', 'part'),
    erasures: counter('erasures_certified', 'Erasures that were verified twice and certified.', 'scope'),
    replayed: counter('replayed_records', 'Records that a replay has gone through, by what came of it.', 'outcome'),
    lineageEvents: counter(
      'lineage_events',
      'OpenLineage events that were sent, refused by the collector, or dropped because too many waited.',
      'outcome',
    ),
    roundTrips: counter('database_round_trips', 'Statements sent to Postgres.', 'statement'),
    joined: histogram('joined_requests', 'Requests that went as one, to the model or to Postgres.', SIZES, 'request'),
    atOnce: counter(
      'chat_batches_in_task',
      'Batches that a workflow task was to index by itself: done, or deferred to an activity.',
      'outcome',
    ),
  };
}

const SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 60, 180, 600];
const SIZES = [1, 2, 5, 10, 20, 50, 100, 200, 500];
