import type { LedgerEntry } from '../db/restored-erasures.ts';
import type { RawStore } from '../raw-store/raw-store.ts';

/**
 * The ledger's second copy, in the raw store: a database that is restored from a dump knows nothing of the erasures
 * after it. Entries hold keyed hashes and times alone. No customer has this prefix, for a tenant begins with a letter or
 * digit.
 */
const PREFIX = '_ledger/';

const keyOf = (tenant: string, erasureId: string, name: string) => `${PREFIX}${tenant}/${erasureId}/${name}.json`;

export async function writeLedgerEntry(store: RawStore, entry: LedgerEntry, signal: AbortSignal): Promise<void> {
  const bytes = Buffer.from(JSON.stringify(entry));
  await store.put(keyOf(entry.tenant, entry.erasureId, 'request'), bytes, signal);
}

export async function writeCertificateCopy(
  store: RawStore,
  { tenant, erasureId, sequence }: { readonly tenant: string; readonly erasureId: string; readonly sequence: number },
  certificate: string,
  signal: AbortSignal,
): Promise<void> {
  await store.put(keyOf(tenant, erasureId, `certificate-${sequence}`), Buffer.from(certificate), signal);
}

/** Everything the ledger holds, by kind, oldest request first. */
export interface LedgerContents {
  readonly entries: readonly LedgerEntry[];
  /** Certificates as they were signed. */
  readonly certificates: readonly string[];
}

export async function readLedger(store: RawStore, signal: AbortSignal): Promise<LedgerContents> {
  const entries: LedgerEntry[] = [];
  const certificates: string[] = [];
  for await (const { key } of store.list(PREFIX, signal)) {
    const text = (await store.get(key, signal)).toString();
    if (key.endsWith('/request.json')) entries.push(JSON.parse(text) as LedgerEntry);
    else certificates.push(text);
  }
  entries.sort((a, b) => a.requestedAt.localeCompare(b.requestedAt));
  return { entries, certificates };
}
