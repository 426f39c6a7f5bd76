import type { Modality } from '../../../src/domain/interaction.ts';
import type { AuditedRecord } from '../audit.ts';
import { freshnessOf, MODALITIES, type Percentiles } from '../figures.ts';
import type { ScheduledArrival } from '../schedule.ts';
import type { Delivered } from '../sender.ts';

/** How the customers with most records fare beside all others: nobody's burst may starve the rest. */
export interface HotCustomers {
  readonly modality: Modality;
  readonly customers: number;
  /** Of the modality's records. */
  readonly share: number;
  /** Capture to reachable. */
  readonly own: Percentiles | undefined;
  readonly others: Percentiles | undefined;
}

/** Customers that count as hot. */
const HOT = 10;

export function hotCustomersOf(
  records: readonly AuditedRecord[],
  schedule: readonly ScheduledArrival[],
  delivered: readonly Delivered[],
): HotCustomers[] {
  const customers = new Map(schedule.map(({ name, customer }) => [name, customer]));
  const customerOf = new Map(delivered.map(({ interactionId, name }) => [interactionId, customers.get(name)!]));
  return MODALITIES.map((modality) => {
    const all = records.filter((record) => record.modality === modality);
    const byCustomer = Map.groupBy(all, ({ interactionId }) => customerOf.get(interactionId)!);
    const hot = [...byCustomer.values()].sort((one, other) => other.length - one.length).slice(0, HOT);
    const own = new Set(hot.flat());
    return {
      modality,
      customers: hot.length,
      share: all.length === 0 ? 0 : own.size / all.length,
      own: freshnessOf([...own]).totalMs,
      others: freshnessOf(all.filter((record) => !own.has(record))).totalMs,
    };
  });
}
