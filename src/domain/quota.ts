/** What a tenant may hand over in a minute; each is a dial, and may be another number for one tenant. */
export const QUOTAS = [
  'quota.live_records_per_minute',
  'quota.live_bytes_per_minute',
  'quota.bulk_records_per_minute',
  'quota.bulk_bytes_per_minute',
] as const;
export type QuotaName = (typeof QUOTAS)[number];

export function isQuota(name: string): name is QuotaName {
  return (QUOTAS as readonly string[]).includes(name);
}
