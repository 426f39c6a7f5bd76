import { Readable, type Writable } from 'node:stream';
import { finished, pipeline } from 'node:stream/promises';
import { ZipFile } from 'yazl';

/** Bytes of an entry, as they come. */
export type EntrySource = Iterable<Uint8Array | string> | AsyncIterable<Uint8Array | string>;

/** Puts entries into an archive, one after the other. */
export interface ZipWriter {
  /** Ends when whoever reads the archive is gone. */
  readonly signal: AbortSignal;
  /**
   * Resolves when the source is read to its end, which is no faster than the archive is read.
   *
   * @throws what the source throws, or an AbortError when the reader is gone.
   */
  add(name: string, source: EntrySource, effort?: number): Promise<void>;
}

/** Deflate's middle way. */
const DEFAULT_EFFORT = 6;

/**
 * Writes a ZIP into `output` while `fill` makes it. Nothing of an entry stays in memory once it is written but its name
 * and sizes. The list of entries, without which no reader takes an archive for whole, is written only after `fill` has
 * resolved: when it fails, `output` is destroyed in the middle.
 *
 * @throws what `fill` throws, or ERR_STREAM_PREMATURE_CLOSE when the reader left.
 */
export async function writeZip(output: Writable, fill: (zip: ZipWriter) => Promise<void>): Promise<void> {
  const zip = new ZipFile();
  const archive = zip.outputStream as Readable;
  const gone = new AbortController();
  const sent = pipeline(archive, output).finally(() => gone.abort());
  const filled = fill({ signal: gone.signal, add: adderTo(zip, gone.signal) }).then(
    () => zip.end(),
    (error: unknown) => void archive.destroy(error as Error),
  );
  await Promise.all([sent, filled]);
}

function adderTo(zip: ZipFile, signal: AbortSignal): ZipWriter['add'] {
  // The ZIP keeps the function that gives it a stream until its end: were the stream a part of that function, every
  // file of the archive would stay in memory.
  let next: Readable | undefined;
  return async (name, source, effort = DEFAULT_EFFORT) => {
    const stream = Readable.from(source, { objectMode: false });
    next = stream;
    zip.addReadStreamLazy(name, { compressionLevel: effort }, (give) => {
      give(null, next!);
      next = undefined;
    });
    try {
      await finished(stream, { signal });
    } finally {
      stream.destroy();
    }
  };
}
