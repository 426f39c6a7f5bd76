import { createHash } from 'node:crypto';
import type { Request } from 'express';
import type { ApiKeySetting, Scope } from '../config.ts';
import { EarshotError } from '../domain/errors.ts';
import type { Caller } from './route.ts';

/** The one tenant whose keys the environment can name. */
const TENANT = 'default';

export type Authenticate = (request: Request, scope: Scope) => Caller;

/**
 * Keeps keys by their SHA-256: they are random and long, so the hash needs no salt, and looking a hash up tells nothing
 * of how much of a key was right.
 */
export function authenticator(keys: readonly ApiKeySetting[]): Authenticate {
  const known = new Map(keys.map(({ key, scopes }) => [hashOf(key), scopes]));
  return (request, scope) => {
    const [, key] = /^Bearer (\S+)$/i.exec(request.get('authorization') ?? '') ?? [];
    const hash = key === undefined ? undefined : hashOf(key);
    const scopes = hash === undefined ? undefined : known.get(hash);
    if (hash === undefined || scopes === undefined) {
      throw new EarshotError('unauthenticated', 'give a known API key as Authorization: Bearer');
    }
    if (!scopes.includes(scope)) throw new EarshotError('forbidden', `this route needs a key with the scope ${scope}`);
    return { tenant: TENANT, keyName: `key-${hash.slice(0, 8)}` };
  };
}

function hashOf(key: string): string {
  return createHash('sha256').update(key).digest('hex');
}
