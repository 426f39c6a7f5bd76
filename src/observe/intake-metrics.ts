import { Counter, type Registry } from 'prom-client';

export interface IntakeMetrics {
  readonly intake: Counter<'channel' | 'class' | 'outcome'>;
  readonly overQuota: Counter<'tenant'>;
  readonly backgroundBraked: Counter;
  readonly captions: Counter<'outcome'>;
}

/** What is taken and refused, and what gives way under pressure. */
export function intakeMetrics(registry: Registry): IntakeMetrics {
  const registers = [registry];
  return {
    intake: new Counter({
      name: 'earshot_intake_records_total',
      help: 'Records by class (live, bulk): accepted, refused for the step that is taken, or over the tenant’s quota.',
      labelNames: ['channel', 'class', 'outcome'],
      registers,
    }),
    overQuota: new Counter({
      name: 'earshot_over_quota_records_total',
      help: 'Of these, records over a quota, by tenant.',
      labelNames: ['tenant'],
      registers,
    }),
    backgroundBraked: new Counter({
      name: 'earshot_background_braked_seconds_total',
      help: 'How long reprocessing and backfill were held because of the step that is taken.',
      registers,
    }),
    captions: new Counter({
      name: 'earshot_captions_total',
      help: 'Captions that gave way to text under pressure: deferred, and of these redone or failed.',
      labelNames: ['outcome'],
      registers,
    }),
  };
}
