import { z } from 'zod';
import { dropTenantQuota, listTenantQuotas, setTenantQuota } from '../../db/tenant-quotas.ts';
import { describeTenants } from '../../db/tenants.ts';
import { DIALS } from '../../domain/dials.ts';
import { EarshotError, invalidField } from '../../domain/errors.ts';
import { isQuota, QUOTAS, type QuotaName } from '../../domain/quota.ts';
import { route } from '../route.ts';
import { time } from '../schemas.ts';

const quota = z.object({
  name: z.string(),
  value: z.number(),
  /** Whether the dial holds, which is for all tenants that have no number of their own. */
  isDefault: z.boolean(),
  changedAt: time.nullable(),
});
const tenant = z.object({ tenant: z.string(), createdAt: time, quotas: z.array(quota) }).openapi('Tenant');

export const getTenants = route({
  method: 'get',
  path: '/v1/tenants',
  scope: 'operator',
  deployment: true,
  summary: 'List the tenants of the deployment and what each may hand over in a minute',
  status: 200,
  answer: z.object({ tenants: z.array(tenant) }),
  handle: async ({ deps }) => {
    const { deployment } = deps.database;
    const [tenants, own] = await Promise.all([describeTenants(deployment), listTenantQuotas(deployment)]);
    return {
      tenants: tenants.map(({ tenant: name, created_at: createdAt }) => ({
        tenant: name,
        createdAt,
        quotas: QUOTAS.map((each) => {
          const row = own.find((other) => other.tenant === name && other.name === each);
          return {
            name: each,
            value: row?.value ?? deps.dials.get(each),
            isDefault: row === undefined,
            changedAt: row?.changed_at ?? null,
          };
        }),
      })),
    };
  },
});

const params = z.object({ tenant: z.string(), name: z.string() });
const inForce = z.object({ tenant: z.string(), name: z.string(), value: z.number(), isDefault: z.boolean() });

export const putTenantQuota = route({
  method: 'put',
  path: '/v1/tenants/{tenant}/quotas/{name}',
  scope: 'operator',
  deployment: true,
  summary: 'Give one tenant a quota of its own; in force everywhere within seconds, and recorded',
  params,
  body: z.strictObject({ value: z.number() }),
  status: 200,
  answer: inForce,
  handle: async ({ deps, caller, params: { tenant: whose, name: asked }, body: { value } }) => {
    const name = quotaNamed(asked);
    const { min, max } = DIALS[name];
    if (value < min || value > max) throw invalidField('value', `must be between ${min} and ${max}`);
    const change = { tenant: whose, name, changedBy: caller.keyName };
    if (!(await setTenantQuota(deps.database.deployment, change, value))) throw noTenant();
    await deps.limits.refresh();
    return { tenant: whose, name, value, isDefault: false };
  },
});

export const deleteTenantQuota = route({
  method: 'delete',
  path: '/v1/tenants/{tenant}/quotas/{name}',
  scope: 'operator',
  deployment: true,
  summary: 'Have the dial hold again for a tenant',
  params,
  status: 200,
  answer: inForce,
  handle: async ({ deps, caller, params: { tenant: whose, name: asked } }) => {
    const name = quotaNamed(asked);
    const change = { tenant: whose, name, changedBy: caller.keyName };
    if (!(await dropTenantQuota(deps.database.deployment, change))) throw noTenant();
    await deps.limits.refresh();
    return { tenant: whose, name, value: deps.dials.get(name), isDefault: true };
  },
});

function quotaNamed(name: string): QuotaName {
  if (isQuota(name)) return name;
  throw new EarshotError('not_found', 'there is no quota of this name');
}

function noTenant(): EarshotError {
  return new EarshotError('not_found', 'there is no tenant of this name');
}
