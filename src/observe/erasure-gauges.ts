import { Gauge, type Registry } from 'prom-client';
import { erasureLoad, type ErasureLoad } from '../db/erasures.ts';
import type { Database } from '../db/pools.ts';
import { eachTenant } from '../each-tenant.ts';
import type { DialReader } from '../dial-reader.ts';
import type { Logger } from './log.ts';
import { shared } from './shared.ts';

/** How erasures stand against their legal deadline, read from the ledger when the metrics are asked for. */
export function observeErasures(registry: Registry, database: Database, dials: DialReader, log: Logger): void {
  const read = shared(() =>
    eachTenant({ database, log }, 'erasures were not measured', (tenant) =>
      erasureLoad(database.forTenant(tenant).reader, tenant, dials.get('erasure.warn_before_ms')),
    ),
  );
  const gauge = (name: string, help: string, value: (load: ErasureLoad) => number | null): void => {
    new Gauge({
      name,
      help,
      labelNames: ['tenant'],
      registers: [registry],
      async collect() {
        const loads = await read();
        this.reset();
        for (const { tenant, result } of loads) {
          const seen = value(result);
          if (seen !== null) this.set({ tenant }, seen);
        }
      },
    });
  };
  gauge('earshot_erasures_open', 'Erasures that are scheduled or running.', ({ open }) => open);
  gauge(
    'earshot_erasures_late',
    'Open erasures within the warning time of their deadline (dial erasure.warn_before_ms), or past it.',
    ({ late }) => late,
  );
  gauge(
    'earshot_erasure_deadline_seconds',
    'Until the deadline of the most urgent open erasure; negative past it, absent when none is open.',
    ({ seconds_to_deadline: seconds }) => seconds,
  );
}
