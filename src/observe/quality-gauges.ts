import { Gauge, type Registry } from 'prom-client';
import type { Database } from '../db/pools.ts';
import { qualityLoad, type QualityLoad } from '../db/quality.ts';
import { eachTenant } from '../each-tenant.ts';
import type { Logger } from './log.ts';
import { shared } from './shared.ts';

/** What is held back and which alarms are up, read when the metrics are asked for. */
export function observeQuality(registry: Registry, database: Database, log: Logger): void {
  const read = shared(() =>
    eachTenant({ database, log }, 'what is held back was not counted', (tenant) =>
      qualityLoad(database.forTenant(tenant).reader, tenant),
    ),
  );
  const gauge = (
    name: string,
    help: string,
    values: (load: QualityLoad) => readonly { kind: string; check: string; count: number }[],
  ): void => {
    new Gauge({
      name,
      help,
      labelNames: ['tenant', 'kind', 'check'],
      registers: [registry],
      async collect() {
        const loads = await read();
        this.reset();
        for (const { tenant, result } of loads) {
          for (const { kind, check, count } of values(result)) this.set({ tenant, kind, check }, count);
        }
      },
    });
  };
  gauge('earshot_quarantined', 'Artifacts that are held back and wait for a decision.', ({ held }) => held);
  gauge('earshot_quality_alarms', 'Checks that hold back far more than they used to.', ({ alarms }) =>
    alarms.map((alarm) => ({ ...alarm, count: 1 })),
  );
}
