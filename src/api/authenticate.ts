import { createHash } from 'node:crypto';
import type { Request } from 'express';
import type { ApiKeySetting, Scope } from '../api-keys.ts';
import type { CanaryKeys } from '../canary/canary-key.ts';
import { EarshotError } from '../domain/errors.ts';
import { DEPLOYMENT_TENANT } from '../domain/tenant.ts';
import type { Caller } from './route.ts';

/** What a route asks of its caller. */
export interface Access {
  readonly scope: Scope;
  /** Whether canaries, which have no scope, take this way too. */
  readonly canaries?: true;
  /** Whether it concerns all tenants. */
  readonly deployment?: true;
}

export type Authenticate = (request: Request, access: Access) => Caller;

/**
 * Keeps keys by their SHA-256: they are random and long, so the hash needs no salt, and looking a hash up tells nothing
 * of how much of a key was right.
 */
export function authenticator(keys: readonly ApiKeySetting[], canaries: CanaryKeys): Authenticate {
  const known = new Map(keys.map(({ key, ...rights }) => [hashOf(key), rights]));
  return (request, access) => {
    const [, key] = /^Bearer (\S+)$/i.exec(request.get('authorization') ?? '') ?? [];
    const planting = key === undefined ? undefined : canaries.tenantOf(key);
    if (planting !== undefined) return canary(planting, access);
    const hash = key === undefined ? undefined : hashOf(key);
    const rights = hash === undefined ? undefined : known.get(hash);
    if (hash === undefined || rights === undefined) {
      throw new EarshotError('unauthenticated', 'give a known API key as Authorization: Bearer');
    }
    check(rights, access);
    return { tenant: rights.tenant, keyName: `key-${hash.slice(0, 8)}`, canary: false };
  };
}

function check({ scopes, tenant }: Omit<ApiKeySetting, 'key'>, access: Access): void {
  if (!scopes.includes(access.scope)) {
    throw new EarshotError('forbidden', `this route needs a key with the scope ${access.scope}`);
  }
  if (access.deployment === true && tenant !== DEPLOYMENT_TENANT) {
    throw new EarshotError(
      'forbidden',
      `this route concerns all tenants: it needs a key of the deployment's own, ${DEPLOYMENT_TENANT}`,
    );
  }
}

function canary(tenant: string, access: Access): Caller {
  if (access.canaries !== true) throw new EarshotError('forbidden', 'this route is not for canaries');
  return { tenant, keyName: 'canary', canary: true };
}

function hashOf(key: string): string {
  return createHash('sha256').update(key).digest('hex');
}
