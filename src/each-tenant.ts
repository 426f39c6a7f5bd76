import type { Database } from './db/pools.ts';
import { listTenants } from './db/subjects.ts';
import { errorForLog, type Logger } from './observe/log.ts';

export interface EachTenantDependencies {
  readonly database: Pick<Database, 'deployment'>;
  readonly log: Pick<Logger, 'warn'>;
}

/** What a step came to for a tenant. */
export interface OfTenant<T> {
  readonly tenant: string;
  readonly result: T;
}

/**
 * Carries a step out for each tenant in turn. What fails for one is told, as `failure`, and keeps no other from its turn.
 * Answers what the others came to.
 *
 * @throws what the last one failed with, when it fails for all: that is no matter of a tenant.
 */
export async function eachTenant<T>(
  { database, log }: EachTenantDependencies,
  failure: string,
  step: (tenant: string) => Promise<T>,
): Promise<OfTenant<T>[]> {
  const tenants = await listTenants(database.deployment);
  const done: OfTenant<T>[] = [];
  let failed = 0;
  for (const tenant of tenants) {
    try {
      done.push({ tenant, result: await step(tenant) });
    } catch (error) {
      if (++failed === tenants.length) throw error;
      log.warn({ tenant, ...errorForLog(error) }, failure);
    }
  }
  return done;
}
