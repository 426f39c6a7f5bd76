import { Client } from '@temporalio/client';
import Table from 'cli-table3';
import { readConfig } from '../src/config.ts';
import { appendCertificate } from '../src/db/erasure-certificates.ts';
import { findErasure } from '../src/db/erasures.ts';
import { reapplyFence, restoreCompleted } from '../src/db/restored-erasures.ts';
import { migrate } from '../src/db/migrate.ts';
import { openDatabase, type Database } from '../src/db/pools.ts';
import type { LedgerEntry } from '../src/db/restored-erasures.ts';
import { totalOf } from '../src/domain/erasure.ts';
import { parseCertificates } from '../src/erasure/certificate.ts';
import { readLedger } from '../src/erasure/ledger.ts';
import { openRawStore } from '../src/raw-store/raw-store.ts';
import { connectTemporal } from '../src/temporal/connection.ts';
import { restartErasure } from '../src/temporal/start-erasure.ts';
import { endProcess } from './run.ts';

// npm run reapply-erasures: after the database was restored from a dump, and before it takes traffic, raises the fence
// of every erasure of the ledger again and erases what the dump has brought back. The ledger is read from the raw store.

const POLL_MS = 500;

await reapply().catch(endProcess);

async function reapply(): Promise<void> {
  const config = readConfig();
  await migrate(config.DATABASE_URL);
  const database = openDatabase({ url: config.DATABASE_URL });
  const store = openRawStore({ url: config.RAW_STORE_URL, endpoint: config.S3_ENDPOINT });
  const connection = await connectTemporal(config);
  const client = new Client({ connection, namespace: config.TEMPORAL_NAMESPACE });
  const { entries, certificates } = await readLedger(store, AbortSignal.timeout(10 * 60_000));
  const latest = lastOfEachCustomer(entries);
  // All fences first: from then on nothing of these customers can be written or accepted.
  for (const entry of entries) await reapplyFence(database.forTenant(entry.tenant), entry, !latest.has(entry));
  for (const text of certificates) await restoreCertificate(database, text);
  console.log(`${entries.length} erasures in the ledger, the fences of ${latest.size} customers are up`);
  for (const entry of latest) await restartErasure(client, entry, 30_000);
  await untilCompleted(database, [...latest]);
  await connection.close();
  await database.close();
}

/** A later erasure of a customer covers the earlier ones. Entries come oldest first. */
function lastOfEachCustomer(entries: readonly LedgerEntry[]): Set<LedgerEntry> {
  return new Set(new Map(entries.map((entry) => [`${entry.tenant}/${entry.customerKey}`, entry])).values());
}

/** Certificates that are younger than the dump join the chain again, at the places they were signed for. */
async function restoreCertificate(database: Database, text: string): Promise<void> {
  const [certificate] = parseCertificates(text);
  const { tenant, sequence, erasureId } = certificate!.statement;
  const row = { sequence, erasure_id: erasureId, certificate: text, hash: certificate!.hash };
  await restoreCompleted(database.forTenant(tenant).app, certificate!.statement);
  await appendCertificate(database.forTenant(tenant).app, tenant, row);
}

async function untilCompleted(database: Database, entries: readonly LedgerEntry[]): Promise<void> {
  const table = new Table({ head: ['erasure', 'state', 'brought back by the dump'], style: { head: [], border: [] } });
  for (const { tenant, erasureId } of entries) {
    for (;;) {
      const row = await findErasure(database.forTenant(tenant).app, tenant, erasureId);
      if (row?.state === 'completed') {
        const { before = {} } = row.report;
        table.push([erasureId, row.state, totalOf(before)]);
        break;
      }
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  }
  if (entries.length > 0) console.log(table.toString());
}
