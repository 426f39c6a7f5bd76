import { createHash } from 'node:crypto';
import type { Priority } from '@temporalio/common';
import type { Channel } from '../domain/interaction.ts';
import { LONGEST_TENANT } from '../domain/tenant.ts';
import type { WorkClass } from '../domain/work-class.ts';

/** Lower is handed out first; 3 is what Temporal takes for work without a word. Steps inherit it from their workflow. */
const KEY: Readonly<Record<WorkClass, number>> = { live: 3, bulk: 4, reprocessing: 5 };

/**
 * Shares that the customers of one tenant's channel are put into. A customer who floods a queue fills one of them; a
 * tenant that floods it with many customers fills these and no more, and the next tenant waits for one step of each.
 * More would part customers better and tenants worse.
 */
const SHARES_PER_CHANNEL = 8;

export interface WorkOwner {
  readonly tenant: string;
  readonly channel: Channel;
  readonly customerKey: string;
}

/**
 * Where a session's work stands in the task queues: within a class, tenants, channels and customers take turns. The key
 * names nobody: of the customer's keyed hash it tells three bits.
 */
export function priorityOf({ tenant, channel, customerKey }: WorkOwner, workClass: WorkClass): Priority {
  const share = createHash('sha256').update(customerKey).digest().readUInt8(0) % SHARES_PER_CHANNEL;
  const fairnessKey = `${tenant.slice(0, LONGEST_TENANT)}/${channel}/${share}`;
  return { priorityKey: KEY[workClass], fairnessKey };
}

/** Of work that belongs to no one customer; tenants take turns. */
export function priorityOfTenant(tenant: string, workClass: WorkClass): Priority {
  return { priorityKey: KEY[workClass], fairnessKey: tenant.slice(0, LONGEST_TENANT) };
}
