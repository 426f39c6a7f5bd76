import { createHmac, hkdfSync, timingSafeEqual } from 'node:crypto';

/** The API keys with which Earshot calls itself, one per tenant. Derived, so that nobody has to keep or hand them out. */
export interface CanaryKeys {
  of(tenant: string): string;
  /** The tenant whose key this is; undefined for any other text. */
  tenantOf(key: string): string | undefined;
}

const FORM = /^canary\.([a-z0-9][a-z0-9_-]{0,62})\.[0-9a-f]{64}$/;

/** HMAC-SHA-256 of the tenant's name, under a key of its own that is derived from the master key (RFC 5869). */
export function canaryKeys(masterKey: Buffer): CanaryKeys {
  const secret = Buffer.from(hkdfSync('sha256', masterKey, Buffer.alloc(0), 'earshot canary key', 32));
  const of = (tenant: string) => `canary.${tenant}.${createHmac('sha256', secret).update(tenant).digest('hex')}`;
  return {
    of,
    tenantOf: (key) => {
      const [, tenant] = FORM.exec(key) ?? [];
      if (tenant === undefined) return undefined;
      return timingSafeEqual(Buffer.from(key), Buffer.from(of(tenant))) ? tenant : undefined;
    },
  };
}
