import type { Writable } from 'node:stream';
import {
  exportedAnswers,
  exportedChunks,
  exportedLineage,
  exportedRawObjects,
  exportedRecords,
  exportedRetrievals,
  type Customer,
  type ExportedRecordRow,
  type ExportedRetrievalRow,
  type Position,
  type ReadPage,
} from '../db/customer-export.ts';
import {
  exportedDecisions,
  exportedExposures,
  exportedRedactedMedia,
  exportedViews,
  type ViewRow,
} from '../db/customer-traces.ts';
import type { Database } from '../db/pools.ts';
import { payloadContext } from '../domain/payload.ts';
import type { KeyRing } from '../raw-store/key-ring.ts';
import type { RawStore } from '../raw-store/raw-store.ts';
import { queryContext } from '../retrieval/record-answer.ts';
import { logOriginal, viewContext } from '../redacted-media/show.ts';
import { readPayload } from '../schemas/payload.ts';
import { everyRow } from './every-row.ts';
import { chunkLine, lineageLine, recordLine, retrievalLine } from './lines.ts';
import { Manifest, type ExportedKind } from './manifest.ts';
import { extensionOf } from '../media/media-extension.ts';
import { inPieces, joined } from './pieces.ts';
import { unlessUnreadable, unsealedObject } from './unsealed.ts';
import { writeZip, type ZipWriter } from './zip.ts';

export interface ExportDependencies {
  readonly database: Database;
  readonly keyRing: KeyRing;
  readonly rawStore: RawStore;
}

/** Who asked, and for whom. */
export interface ExportRequest extends Customer {
  /** As it was asked for; the manifest repeats it. */
  readonly customerId: string;
  /** Name of the API key. */
  readonly keyName: string;
}

interface Export {
  readonly deps: ExportDependencies;
  readonly customer: ExportRequest;
  readonly manifest: Manifest;
  readonly zip: ZipWriter;
}

/**
 * Most recordings and all pictures are compressed already. They are deflated all the same, as little as can be: to a
 * reader that streams, an entry that is merely stored has no end.
 */
const MEDIA_EFFORT = 1;

/**
 * Writes all that is held of a customer as a ZIP: one page of rows and one raw file are in memory at a time. The
 * manifest comes last, since only then it is known what could be read. Each original is handed out after it is logged as
 * seen by the key that asked: without the log there is no archive.
 *
 * @throws EarshotError when a store fails; `output` is destroyed then, and what was written is no whole archive.
 */
export async function writeCustomerArchive(
  deps: ExportDependencies,
  customer: ExportRequest,
  output: Writable,
): Promise<void> {
  const manifest = new Manifest(customer.customerId);
  await writeZip(output, async (zip) => {
    const all: Export = { deps, customer, manifest, zip };
    await addLines(all, 'interactions', exportedRecords, 1, (row) => describeRecord(all, row));
    await addLines(all, 'chunks', exportedChunks, 1, chunkLine);
    await addLines(all, 'retrievals', exportedRetrievals, 1, (row) => describeRetrieval(all, row));
    await addLines(all, 'lineage', exportedLineage, 3, lineageLine);
    await addLines(all, 'decisions', exportedDecisions, 2, ({ row }) => row);
    await addLines(all, 'redacted', exportedRedactedMedia, 2, ({ row }) => row);
    await addLines(all, 'exposures', exportedExposures, 2, ({ row }) => row);
    await addRawFiles(all);
    await addAnswers(all);
    await addLines(all, 'views', exportedViews, 2, (row) => describeView(all, row));
    await zip.add('manifest.json', [manifest.toString()]);
  });
}

function rowsOf<Row extends { readonly position: Position }>(
  { deps, customer }: Export,
  readPage: ReadPage<Row>,
  ids: number,
): AsyncGenerator<Row> {
  return everyRow(readPage, deps.database.forTenant(customer.tenant).reader, customer, ids);
}

function addLines<Row extends { readonly position: Position }>(
  all: Export,
  kind: ExportedKind,
  readPage: ReadPage<Row>,
  ids: number,
  describe: (row: Row) => object | Promise<object>,
): Promise<void> {
  async function* lines(): AsyncGenerator<string> {
    for await (const row of rowsOf(all, readPage, ids)) {
      all.manifest.count(kind);
      yield `${JSON.stringify(await describe(row))}\n`;
    }
  }
  return all.zip.add(`${kind}.jsonl`, joined(lines()));
}

const REASON = 'export of all that is held of the customer';

/** @throws EarshotError `erased` when the record's customer is being erased: then nothing of it may be shown. */
async function logView(
  { deps, customer: { tenant, customerKey, keyName } }: Export,
  { interaction_id: interactionId, key_generation }: { interaction_id: string; key_generation: number },
  what: 'original' | 'original_text',
): Promise<void> {
  const record = { customer_key: customerKey, key_generation };
  await logOriginal(deps, { tenant, interactionId, keyName }, record, what, REASON);
}

async function describeRecord(all: Export, row: ExportedRecordRow): Promise<object> {
  const { deps, customer, manifest } = all;
  const { tenant, customerKey } = customer;
  const { interaction_id: interactionId } = row;
  const context = payloadContext(tenant, interactionId);
  const payload = await unlessUnreadable(
    async () => {
      if (row.channel === 'chat') await logView(all, row, 'original_text');
      return readPayload(await deps.keyRing.open(tenant, customerKey, row.sealed_payload, context));
    },
    (code) => manifest.report({ file: 'interactions.jsonl', interactionId, code }),
  );
  return recordLine(row, payload ?? null, row.has_raw_object ? rawFileOf(interactionId, row.media_type) : null);
}

async function describeRetrieval({ deps, customer, manifest }: Export, row: ExportedRetrievalRow): Promise<object> {
  const { tenant, customerKey } = customer;
  const { retrieval_id: retrievalId, sealed_query: sealed } = row;
  if (sealed === null) return retrievalLine(row, null);
  const query = await unlessUnreadable(
    () => deps.keyRing.open(tenant, customerKey, sealed, queryContext(tenant, retrievalId)),
    (code) => manifest.report({ file: 'retrievals.jsonl', retrievalId, code }),
  );
  return retrievalLine(row, query?.toString() ?? null);
}

async function describeView({ deps, customer, manifest }: Export, { view_id: viewId, sealed_reason, row }: ViewRow) {
  const { tenant, customerKey } = customer;
  if (sealed_reason === null) return { ...row, reason: null };
  const reason = await unlessUnreadable(
    () => deps.keyRing.open(tenant, customerKey, sealed_reason, viewContext(tenant, viewId)),
    (code) => manifest.report({ file: 'views.jsonl', viewId, code }),
  );
  return { ...row, reason: reason?.toString() ?? null };
}

function rawFileOf(interactionId: string, mediaType: string): string {
  return `raw/${interactionId}.${extensionOf(mediaType)}`;
}

async function addRawFiles(all: Export): Promise<void> {
  for await (const row of rowsOf(all, exportedRawObjects, 1)) {
    const { interaction_id: interactionId, raw_object: key, media_type: mediaType } = row;
    const log = () => logView(all, row, 'original');
    await addObject(all, 'raw', { file: rawFileOf(interactionId, mediaType), interactionId, key, log });
  }
}

async function addAnswers(all: Export): Promise<void> {
  let logged: string | undefined;
  for await (const row of rowsOf(all, exportedAnswers, 2)) {
    const { interaction_id: interactionId, artifact_id: artifactId, sealed_object: key } = row;
    // Rows come by record: all answers of one are one look.
    const log = async () => {
      if (logged !== interactionId) await logView(all, row, 'original_text');
      logged = interactionId;
    };
    await addObject(all, 'recognised', { file: `recognised/${artifactId}.json`, interactionId, key, log });
  }
}

interface HeldObject {
  readonly file: string;
  readonly interactionId: string;
  readonly key: string;
  /** Notes that it is about to be seen. */
  readonly log: () => Promise<void>;
}

/** Adds an object of the raw store, opened, or reports why it is not there. */
async function addObject(
  { deps, customer, manifest, zip }: Export,
  kind: 'raw' | 'recognised',
  { file, interactionId, key, log }: HeldObject,
): Promise<void> {
  const bytes = await unlessUnreadable(
    async () => {
      await log();
      return unsealedObject(deps, customer, key, zip.signal);
    },
    (code) => manifest.report({ file, interactionId, code }),
  );
  if (bytes === undefined) return;
  await zip.add(file, inPieces(bytes), kind === 'raw' ? MEDIA_EFFORT : undefined);
  manifest.count(kind);
}
