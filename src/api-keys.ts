import { z } from 'zod';
import { DEPLOYMENT_TENANT, isTenantName, LONGEST_TENANT } from './domain/tenant.ts';

export const SCOPES = ['channel', 'copilot', 'operator', 'auditor'] as const;
export type Scope = (typeof SCOPES)[number];

/** An API key as given by the operator; the process keeps only its hash. */
export interface ApiKeySetting {
  readonly key: string;
  readonly scopes: readonly Scope[];
  /** Whose rows it reads and writes. */
  readonly tenant: string;
}

const KEY_FORM = `each entry is key:scope+scope, or key:scope+scope@tenant, with a key of 16 characters or more and scopes of ${SCOPES.join(', ')}`;
const TENANT_FORM = `a tenant is named by up to ${LONGEST_TENANT} lower-case letters, digits and hyphens, with no hyphen at its ends`;

/**
 * `key:scope+scope@tenant,…`. Scopes are words of a closed list, so that what follows the last colon of an entry cannot be
 * read in two ways, whatever a key consists of; an entry without a tenant is of the deployment's own.
 */
export const apiKeys = z
  .string()
  .min(1, 'must name at least one key as key:scope+scope')
  .transform((list, context): ApiKeySetting[] => {
    const problem = (message: string): [] => {
      context.addIssue({ code: 'custom', message });
      return [];
    };
    const settings = list.split(',').flatMap((entry): ApiKeySetting[] => {
      const setting = settingOf(entry);
      return typeof setting === 'string' ? problem(setting) : [setting];
    });
    if (isOfTwoTenants(settings)) problem('gives one key to two tenants');
    return settings;
  });

/** What an entry says, or what is wrong with it, without repeating any of it: it may be a key. */
function settingOf(entry: string): ApiKeySetting | string {
  const separator = entry.lastIndexOf(':');
  const key = entry.slice(0, Math.max(separator, 0)).trim();
  const [rights = '', tenant = DEPLOYMENT_TENANT, ...more] = entry.slice(separator + 1).split('@');
  const scopes = rights.split('+');
  const known = scopes.every((scope): scope is Scope => (SCOPES as readonly string[]).includes(scope));
  if (key.length < 16 || !known) return KEY_FORM;
  return more.length === 0 && isTenantName(tenant) ? { key, scopes, tenant } : TENANT_FORM;
}

function isOfTwoTenants(settings: readonly ApiKeySetting[]): boolean {
  const tenants = new Map(settings.map(({ key, tenant }) => [key, tenant]));
  return settings.some(({ key, tenant }) => tenants.get(key) !== tenant);
}
