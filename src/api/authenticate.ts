import { createHash } from 'node:crypto';
import type { Request } from 'express';
import type { CanaryKeys } from '../canary/canary-key.ts';
import type { ApiKeySetting, Scope } from '../config.ts';
import { EarshotError } from '../domain/errors.ts';
import type { Caller } from './route.ts';

/** The one tenant whose keys the environment can name. */
const TENANT = 'default';

/** What a route asks of its caller. */
export interface Access {
  readonly scope: Scope;
  /** Whether canaries, which have no scope, take this way too. */
  readonly canaries?: true;
}

export type Authenticate = (request: Request, access: Access) => Caller;

/**
 * Keeps keys by their SHA-256: they are random and long, so the hash needs no salt, and looking a hash up tells nothing
 * of how much of a key was right.
 */
export function authenticator(keys: readonly ApiKeySetting[], canaries: CanaryKeys): Authenticate {
  const known = new Map(keys.map(({ key, scopes }) => [hashOf(key), scopes]));
  return (request, access) => {
    const [, key] = /^Bearer (\S+)$/i.exec(request.get('authorization') ?? '') ?? [];
    const planting = key === undefined ? undefined : canaries.tenantOf(key);
    if (planting !== undefined) return canary(planting, access);
    const hash = key === undefined ? undefined : hashOf(key);
    const scopes = hash === undefined ? undefined : known.get(hash);
    if (hash === undefined || scopes === undefined) {
      throw new EarshotError('unauthenticated', 'give a known API key as Authorization: Bearer');
    }
    if (!scopes.includes(access.scope)) {
      throw new EarshotError('forbidden', `this route needs a key with the scope ${access.scope}`);
    }
    return { tenant: TENANT, keyName: `key-${hash.slice(0, 8)}`, canary: false };
  };
}

function canary(tenant: string, access: Access): Caller {
  if (access.canaries !== true) throw new EarshotError('forbidden', 'this route is not for canaries');
  return { tenant, keyName: 'canary', canary: true };
}

function hashOf(key: string): string {
  return createHash('sha256').update(key).digest('hex');
}
