import { run, type Queryable } from './pools.ts';

/** A quota of one tenant that differs from the dial. */
export interface TenantQuotaRow {
  readonly tenant: string;
  readonly name: string;
  readonly value: number;
  readonly changed_at: Date;
}

/** Those that the connection may see: of all tenants by one of the deployment, else of its own. */
export async function listTenantQuotas(db: Queryable): Promise<TenantQuotaRow[]> {
  const text = 'select tenant, name, value, changed_at from tenant_quota order by tenant, name';
  return run<TenantQuotaRow>(db, { name: 'list_tenant_quotas', text }, []);
}

/** A quota as it is to be from now on, and who says so. */
export interface TenantQuotaChange {
  readonly tenant: string;
  readonly name: string;
  readonly changedBy: string;
}

/**
 * Sets a quota of a tenant and records the change, in one transaction.
 *
 * @param deployment a connection of the deployment.
 * @returns false for a tenant that there is not.
 */
export async function setTenantQuota(
  deployment: Queryable,
  { tenant, name, changedBy }: TenantQuotaChange,
  value: number,
): Promise<boolean> {
  const statement = {
    name: 'set_tenant_quota',
    text: `
      with known as (
        select t.tenant, q.value as old_value
        from tenant t
        left join tenant_quota q on q.tenant = t.tenant and q.name = $2
        where t.tenant = $1
      ), changed as (
        insert into dial_change (tenant, name, old_value, new_value, changed_by)
        select tenant, $2, old_value, $3, $4 from known
      )
      insert into tenant_quota (tenant, name, value)
      select tenant, $2, $3 from known
      on conflict (tenant, name) do update set value = excluded.value, changed_at = now()
      returning tenant`,
  };
  return (await run(deployment, statement, [tenant, name, value, changedBy])).length > 0;
}

/**
 * Has the dial hold again for a tenant, and records the change if it is one.
 *
 * @param deployment a connection of the deployment.
 * @returns false for a tenant that there is not.
 */
export async function dropTenantQuota(
  deployment: Queryable,
  { tenant, name, changedBy }: TenantQuotaChange,
): Promise<boolean> {
  const statement = {
    name: 'drop_tenant_quota',
    text: `
      with dropped as (
        delete from tenant_quota where tenant = $1 and name = $2 returning value
      ), changed as (
        insert into dial_change (tenant, name, old_value, new_value, changed_by)
        select $1, $2, value, null, $3 from dropped
      )
      select from tenant where tenant = $1`,
  };
  return (await run(deployment, statement, [tenant, name, changedBy])).length > 0;
}
