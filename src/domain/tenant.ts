/**
 * The deployment's own tenant. Every deployment has it from its first migration on: keys that name no tenant are its, and
 * what concerns all tenants is asked for with its operator's key (docs/decisions/0013-tenants.md).
 */
export const DEPLOYMENT_TENANT = 'default';

/** Temporal takes 64 bytes for a fairness key, which the channel and the share need 16 of. */
export const LONGEST_TENANT = 48;

/**
 * A tenant's name stands in start-up options of connections, names of objects, ids of workflows and labels of metrics: it
 * has nothing that any of these would read otherwise.
 */
const NAME = new RegExp(`^[a-z0-9](?:[a-z0-9-]{0,${LONGEST_TENANT - 2}}[a-z0-9])?$`);

export function isTenantName(name: string): boolean {
  return NAME.test(name);
}
