import { Gauge, type Registry } from 'prom-client';
import type { BacklogSample, QueueSample } from '../db/backlog.ts';
import { latestBacklog, latestQueues } from '../db/backlog-history.ts';
import type { Database } from '../db/pools.ts';
import { listTenants } from '../db/subjects.ts';
import type { DialReader } from '../dial-reader.ts';
import { PRESSURE_STEPS } from '../domain/pressure.ts';
import type { PressureSource } from '../pressure-reader.ts';
import { shared } from './shared.ts';

interface Sampled {
  readonly queues: readonly QueueSample[];
  readonly tenants: readonly { readonly tenant: string; readonly samples: readonly BacklogSample[] }[];
}

/** What waits and what it foretells, from the newest samples, and the step that is taken. Absent without fresh samples. */
export function observeBacklog(
  registry: Registry,
  database: Database,
  dials: Pick<DialReader, 'get'>,
  pressure: PressureSource,
): void {
  const read = shared(() => readSamples(database, dials.get('pressure.stale_after_ms')));
  queueGauges(registry, read);
  backlogGauges(registry, read);
  new Gauge({
    name: 'earshot_pressure_step',
    help: `What Earshot spares: ${PRESSURE_STEPS.map((step, number) => `${number} ${step}`).join(', ')}.`,
    registers: [registry],
    collect() {
      this.set(PRESSURE_STEPS.indexOf(pressure.step()));
    },
  });
}

function queueGauges(registry: Registry, read: () => Promise<Sampled>): void {
  const gauge = (name: string, help: string, value: (sample: QueueSample) => number) =>
    new Gauge({
      name: `earshot_task_queue_${name}`,
      help: `${help} Priority 0: of all.`,
      labelNames: ['queue', 'kind', 'priority'],
      registers: [registry],
      async collect() {
        this.reset();
        for (const sample of (await read()).queues) {
          const { queue, kind, priority_key: priority } = sample;
          this.set({ queue, kind, priority: String(priority) }, value(sample));
        }
      },
    });
  gauge('backlog', 'Tasks that wait in a task queue.', ({ backlog }) => backlog);
  gauge('oldest_seconds', 'How long the oldest task has waited.', ({ oldest_ms: ms }) => ms / 1_000);
  gauge('added_per_second', 'Tasks added, over 30 s.', (sample) => sample.added_per_second);
  gauge('dispatched_per_second', 'Tasks dispatched, over 30 s.', (sample) => sample.dispatched_per_second);
}

function backlogGauges(registry: Registry, read: () => Promise<Sampled>): void {
  const gauge = (
    name: string,
    help: string,
    values: (sample: BacklogSample) => readonly (readonly [stage: string, value: number | null])[],
    labelNames: readonly string[] = ['tenant', 'modality'],
  ) =>
    new Gauge({
      name: `earshot_${name}`,
      help,
      labelNames,
      registers: [registry],
      async collect() {
        this.reset();
        for (const { tenant, samples } of (await read()).tenants) {
          for (const sample of samples) {
            for (const [stage, value] of values(sample)) {
              const labels = { tenant, modality: sample.modality, ...(stage === '' ? {} : { stage }) };
              if (value !== null) this.set(labels, value);
            }
          }
        }
      },
    });
  const seconds = (ms: number | null) => (ms === null ? null : ms / 1_000);
  gauge(
    'waiting_records',
    'Records that are not reachable yet, by what they wait for.',
    ({ accepted, recognising, indexing }) => Object.entries({ accepted, recognising, indexing }),
    ['tenant', 'modality', 'stage'],
  );
  gauge('waiting_overdue_records', 'Of these, past their budget.', ({ overdue }) => [['', overdue]]);
  gauge('waiting_late_records', 'Of these, held by their channel for long: they have no budget.', ({ late }) => [
    ['', late],
  ]);
  gauge('waiting_stuck_records', 'Of these, so old that they count as stuck.', ({ stuck }) => [['', stuck]]);
  gauge('waiting_oldest_seconds', 'Of the oldest.', ({ oldest_ms: ms }) => [['', seconds(ms ?? 0)]]);
  gauge('arrived_per_second', 'Records accepted.', (sample) => [['', sample.arrived_per_second]]);
  gauge('completed_per_second', 'Records that left the backlog.', (sample) => [['', sample.completed_per_second]]);
  gauge('expected_lag_seconds', 'How long a record that comes now will take.', ({ expected_lag_ms: ms }) => [
    ['', seconds(ms)],
  ]);
  gauge(
    'typical_seconds',
    'From acceptance, of records that became reachable lately: medians until taken, until there was text, until reachable.',
    (sample) => [
      ['picked_up', seconds(sample.typical_pick_up_ms)],
      ['text', seconds(sample.typical_text_ms)],
      ['reachable', seconds(sample.typical_total_ms)],
    ],
    ['tenant', 'modality', 'stage'],
  );
  gauge(
    'minutes_to_breach',
    'Until records will be later than their budget, by the growth of the backlog; 0: they are. Absent when none will be.',
    (sample) => [['', sample.minutes_to_breach]],
  );
}

async function readSamples(database: Database, maxAgeMs: number): Promise<Sampled> {
  const tenants = await listTenants(database.deployment);
  const [queues, ...samples] = await Promise.all([
    latestQueues(database.deployment, maxAgeMs),
    ...tenants.map((tenant) => latestBacklog(database.forTenant(tenant).reader, tenant, maxAgeMs)),
  ]);
  return { queues, tenants: tenants.map((tenant, index) => ({ tenant, samples: samples[index] ?? [] })) };
}
