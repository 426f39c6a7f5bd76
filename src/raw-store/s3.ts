import { randomUUID } from 'node:crypto';
import {
  AbortMultipartUploadCommand,
  DeleteObjectsCommand,
  GetObjectCommand,
  ListMultipartUploadsCommand,
  ListObjectsV2Command,
  ListObjectVersionsCommand,
  PutObjectCommand,
  S3Client,
  S3ServiceException,
  type ListObjectsV2CommandOutput,
  type ListObjectVersionsCommandOutput,
  type ObjectIdentifier,
} from '@aws-sdk/client-s3';
import { EarshotError } from '../domain/errors.ts';
import type { RawStore, StoredObject, StoredVersion } from './raw-store.ts';

/** Covers headers and body of one call: the SDK's own timeouts end once the headers are there. */
const DEADLINE_MS = 60_000;

/** A raw store in an S3 bucket, versioned or not. One layer owns retries, the callers: the SDK makes one attempt. */
export function openS3(url: string, endpoint: string | undefined, deadlineMs: number = DEADLINE_MS): RawStore {
  const { host: bucket, pathname } = new URL(url);
  const prefix = pathname.replace(/^\/+|\/+$/g, '');
  const path = (key: string) => (prefix === '' ? key : `${prefix}/${key}`);
  const own = (key: string) => (prefix === '' ? key : key.slice(prefix.length + 1));
  const client = new S3Client({
    // Servers other than AWS take any region; for AWS it comes from the default chain, as the credentials do.
    ...(endpoint === undefined ? {} : { endpoint, forcePathStyle: true, region: 'us-east-1' }),
    maxAttempts: 1,
    // Servers other than AWS differ in checksum trailers; GCM authenticates every object anyway.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
  });
  const call = async <T>(key: string, signal: AbortSignal, action: (signal: AbortSignal) => Promise<T>): Promise<T> => {
    const deadline = AbortSignal.timeout(deadlineMs);
    try {
      return await untilAborted(AbortSignal.any([signal, deadline]), action);
    } catch (error) {
      if (signal.aborted) throw error;
      throw s3Error(error, key, `s3://${bucket}`);
    }
  };
  const callOf =
    (key: string, signal: AbortSignal): Call =>
    (action) =>
      call(key, signal, action);
  const store: RawStore = {
    put: (key, bytes, signal) =>
      call(key, signal, async (abortSignal) => {
        await client.send(new PutObjectCommand({ Bucket: bucket, Key: path(key), Body: bytes }), { abortSignal });
      }),
    get: (key, signal) =>
      call(key, signal, async (abortSignal) => {
        const answer = await client.send(new GetObjectCommand({ Bucket: bucket, Key: path(key) }), { abortSignal });
        const bytes = Buffer.from((await answer.Body?.transformToByteArray()) ?? []);
        if (answer.ContentLength !== undefined && bytes.length !== answer.ContentLength) {
          throw new EarshotError('raw_object_corrupt', `${key}: ${bytes.length} of ${answer.ContentLength} bytes came`);
        }
        return bytes;
      }),
    delete: (key, signal) => call(key, signal, (abortSignal) => deleteVersions(client, bucket, path(key), abortSignal)),
    list: (start, signal) => listObjects({ client, bucket, start: path(start), own }, callOf(start, signal)),
    deleteAll: ({ prefix: start, keep, progress }, signal) =>
      deletePages(
        { client, bucket, start: path(start), keep: (key) => keep(own(key)), progress },
        callOf(start, signal),
      ),
    versions: (start, signal) => listVersions({ client, bucket, start: path(start), own }, callOf(start, signal)),
    check: async (signal) => {
      const probe = `.probe-${randomUUID()}`;
      await store.put(probe, Buffer.from('probe'), signal);
      await store.delete(probe, signal);
    },
    describe: () => `s3://${bucket}/${prefix}`,
  };
  return store;
}

/** Ends with the signal even where the SDK does not: a body that stalls, for one. */
async function untilAborted<T>(signal: AbortSignal, action: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const aborted = Promise.withResolvers<never>();
  const abort = () => aborted.reject(signal.reason as Error);
  signal.addEventListener('abort', abort, { once: true });
  try {
    signal.throwIfAborted();
    return await Promise.race([action(signal), aborted.promise]);
  } finally {
    signal.removeEventListener('abort', abort);
  }
}

async function deleteVersions(client: S3Client, bucket: string, key: string, abortSignal: AbortSignal): Promise<void> {
  for (;;) {
    const page = await client.send(new ListObjectVersionsCommand({ Bucket: bucket, Prefix: key }), { abortSignal });
    const found = [...(page.Versions ?? []), ...(page.DeleteMarkers ?? [])].filter((each) => each.Key === key);
    if (found.length === 0) return;
    await deleteObjects(client, bucket, found, abortSignal);
  }
}

/** One request of several, each under a deadline of its own, with its errors mapped. */
type Call = <T>(action: (abortSignal: AbortSignal) => Promise<T>) => Promise<T>;

interface Listing {
  readonly client: S3Client;
  readonly bucket: string;
  readonly start: string;
  /** A key of the bucket as a key of the store. */
  readonly own: (key: string) => string;
}

interface Deletion {
  readonly client: S3Client;
  readonly bucket: string;
  readonly start: string;
  readonly keep: (key: string) => boolean;
  readonly progress: ((deleted: number) => void) | undefined;
}

/** Deletes page by page, each call under a deadline of its own; what a page leaves because it failed, fails the step. */
async function deletePages({ client, bucket, start, keep, progress }: Deletion, call: Call): Promise<number> {
  let deleted = 0;
  let from: VersionMarker | undefined = {};
  while (from !== undefined) {
    const page: ListObjectVersionsCommandOutput = await call((abortSignal) =>
      client.send(new ListObjectVersionsCommand({ Bucket: bucket, Prefix: start, ...from }), { abortSignal }),
    );
    const found = [...(page.Versions ?? []), ...(page.DeleteMarkers ?? [])];
    const doomed = found.filter(({ Key }) => Key !== undefined && !keep(Key));
    if (doomed.length > 0) await call((abortSignal) => deleteObjects(client, bucket, doomed, abortSignal));
    deleted += doomed.length;
    progress?.(deleted);
    from = nextPage(page);
  }
  const uploads = await call((abortSignal) =>
    client.send(new ListMultipartUploadsCommand({ Bucket: bucket, Prefix: start }), { abortSignal }),
  );
  for (const { Key, UploadId } of uploads.Uploads ?? []) {
    if (Key === undefined || keep(Key)) continue;
    const command = new AbortMultipartUploadCommand({ Bucket: bucket, Key, UploadId });
    await call((abortSignal) => client.send(command, { abortSignal }));
    deleted += 1;
  }
  return deleted;
}

/** Where a listing of versions goes on. */
interface VersionMarker {
  readonly KeyMarker?: string | undefined;
  readonly VersionIdMarker?: string | undefined;
}

function nextPage(page: ListObjectVersionsCommandOutput): VersionMarker | undefined {
  if (page.IsTruncated !== true) return undefined;
  return { KeyMarker: page.NextKeyMarker, VersionIdMarker: page.NextVersionIdMarker };
}

async function deleteObjects(
  client: S3Client,
  bucket: string,
  versions: readonly { readonly Key?: string | undefined; readonly VersionId?: string | undefined }[],
  abortSignal: AbortSignal,
): Promise<void> {
  const objects = versions.map(({ Key, VersionId }): ObjectIdentifier => ({ Key, VersionId }));
  const command = new DeleteObjectsCommand({ Bucket: bucket, Delete: { Objects: objects, Quiet: true } });
  const { Errors } = await client.send(command, { abortSignal });
  // A 200 answer can still carry failures.
  const [failure] = Errors ?? [];
  if (failure === undefined) return;
  throw new EarshotError('raw_store_unavailable', `${failure.Key}: delete failed, ${failure.Code}`);
}

async function* listVersions({ client, bucket, start, own }: Listing, call: Call): AsyncGenerator<StoredVersion> {
  const where = { Bucket: bucket, Prefix: start };
  let from: VersionMarker | undefined = {};
  while (from !== undefined) {
    const page: ListObjectVersionsCommandOutput = await call((abortSignal) =>
      client.send(new ListObjectVersionsCommand({ ...where, ...from }), { abortSignal }),
    );
    for (const { Key } of page.Versions ?? []) yield { key: own(Key ?? ''), kind: 'version' };
    for (const { Key } of page.DeleteMarkers ?? []) yield { key: own(Key ?? ''), kind: 'delete marker' };
    from = nextPage(page);
  }
  const { Uploads } = await call((abortSignal) => client.send(new ListMultipartUploadsCommand(where), { abortSignal }));
  for (const { Key } of Uploads ?? []) yield { key: own(Key ?? ''), kind: 'unfinished upload' };
}

async function* listObjects({ client, bucket, start, own }: Listing, call: Call): AsyncGenerator<StoredObject> {
  let token: string | undefined;
  do {
    const command: ListObjectsV2Command = new ListObjectsV2Command({
      Bucket: bucket,
      Prefix: start,
      ContinuationToken: token,
    });
    const page: ListObjectsV2CommandOutput = await call((abortSignal) => client.send(command, { abortSignal }));
    for (const { Key, Size, LastModified } of page.Contents ?? []) {
      if (Key !== undefined) yield { key: own(Key), bytes: Size ?? 0, writtenAt: LastModified ?? new Date() };
    }
    token = page.NextContinuationToken;
  } while (token !== undefined);
}

function s3Error(error: unknown, key: string, store: string): EarshotError {
  if (error instanceof EarshotError) return error;
  if (error instanceof S3ServiceException) {
    if (error.name === 'NoSuchKey') return new EarshotError('raw_object_missing', `no raw object ${key} in ${store}`);
    if (error.name === 'NoSuchBucket') {
      return new EarshotError('misconfigured', `RAW_STORE_URL: there is no bucket ${store}`);
    }
    if (error.$metadata.httpStatusCode === 403) {
      return new EarshotError('misconfigured', `RAW_STORE_URL: ${store} refuses the credentials (${error.name})`);
    }
  }
  const name = error instanceof Error ? error.name : 'unknown';
  if (name === 'CredentialsProviderError') {
    return new EarshotError('misconfigured', 'RAW_STORE_URL: no S3 credentials (AWS_ACCESS_KEY_ID or a profile)');
  }
  return new EarshotError('raw_store_unavailable', `${store}: ${name} at ${key}`);
}
