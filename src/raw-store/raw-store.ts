import { EarshotError } from '../domain/errors.ts';
import { openDirectory } from './directory.ts';
import { openS3 } from './s3.ts';

/**
 * Where raw bytes live, sealed, under keys that src/raw-store/object-key.ts specifies. Every call ends by `signal` or
 * by the store's own deadline, which covers headers and body.
 */
export interface RawStore {
  /** Durable when it resolves. The same key again is harmless: keys name their content. */
  put(key: string, bytes: Uint8Array, signal: AbortSignal): Promise<void>;
  /** @throws EarshotError `raw_object_missing`, `raw_object_corrupt` when it is shorter than it should be. */
  get(key: string, signal: AbortSignal): Promise<Buffer>;
  /** Removes every version and delete marker. A missing object is no error. */
  delete(key: string, signal: AbortSignal): Promise<void>;
  list(prefix: string, signal: AbortSignal): AsyncIterable<StoredObject>;
  /**
   * Removes every version, delete marker, unfinished upload and temporary file under a prefix whose key is not to be
   * kept; answers how many. `progress` is told the count after each page.
   */
  deleteAll(request: DeleteAll, signal: AbortSignal): Promise<number>;
  /** Everything under a prefix that takes up a byte, for verification. */
  versions(prefix: string, signal: AbortSignal): AsyncIterable<StoredVersion>;
  /** @throws EarshotError naming the setting that keeps the store from being reached and written. */
  check(signal: AbortSignal): Promise<void>;
  /** The store's place, for error text. */
  describe(): string;
}

export interface StoredObject {
  readonly key: string;
  readonly bytes: number;
  /** When it was last written, by the store's clock. */
  readonly writtenAt: Date;
}

export interface DeleteAll {
  readonly prefix: string;
  readonly keep: (key: string) => boolean;
  readonly progress?: ((deleted: number) => void) | undefined;
}

export interface StoredVersion {
  readonly key: string;
  readonly kind: 'version' | 'delete marker' | 'unfinished upload';
}

export interface RawStoreSettings {
  /** `file:///directory` or `s3://bucket/prefix`. */
  readonly url: string;
  /** Of an S3-compatible server; absent for AWS. Credentials and region come from the AWS SDK's default chain. */
  readonly endpoint?: string | undefined;
}

export function openRawStore({ url, endpoint }: RawStoreSettings): RawStore {
  const { protocol } = new URL(url);
  if (protocol === 'file:') return openDirectory(url);
  if (protocol === 's3:') return openS3(url, endpoint);
  throw new EarshotError('misconfigured', 'RAW_STORE_URL must be a URL of file:// or s3://');
}
