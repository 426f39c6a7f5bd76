import { Counter, type Registry } from 'prom-client';

export interface QualityMetrics {
  readonly qualityChecks: Counter<'check' | 'outcome' | 'modality'>;
}

export function qualityMetrics(registers: Registry[]): QualityMetrics {
  return {
    qualityChecks: new Counter({
      name: 'earshot_quality_checks_total',
      help: 'Checks of data quality, by whether they held something back.',
      labelNames: ['check', 'outcome', 'modality'],
      registers,
    }),
  };
}
