import pg from 'pg';
import { run, type Queryable } from './pools.ts';

/**
 * Makes tenants known before their first request, so that everything that goes through all tenants goes through them. By
 * the owner: no process may make one while it serves. A tenant that is not named any more stays, with what it holds.
 */
export async function registerTenants(databaseUrl: string, tenants: readonly string[]): Promise<void> {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    const values = [[...new Set(tenants)].sort()];
    await client.query('insert into tenant (tenant) select unnest($1::text[]) on conflict do nothing', values);
  } finally {
    await client.end();
  }
}

export interface TenantRow {
  readonly tenant: string;
  readonly created_at: Date;
}

/** The tenants of the deployment, the oldest first. */
export async function describeTenants(db: Queryable): Promise<TenantRow[]> {
  const text = 'select tenant, created_at from tenant order by created_at, tenant';
  return run<TenantRow>(db, { name: 'describe_tenants', text }, []);
}
