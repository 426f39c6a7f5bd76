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
 */
export async function eachTenant<T>(
  { database, log }: EachTenantDependencies,
  failure: string,
  step: (tenant: string) => Promise<T>,
): Promise<OfTenant<T>[]> {
  const done: OfTenant<T>[] = [];
  for (const tenant of await listTenants(database.deployment)) {
    try {
      done.push({ tenant, result: await step(tenant) });
    } catch (error) {
      log.warn({ tenant, ...errorForLog(error) }, failure);
    }
  }
  return done;
}
