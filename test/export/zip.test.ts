import { randomBytes } from 'node:crypto';
import { PassThrough, Writable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { inPieces } from '../../src/export/pieces.ts';
import { writeZip } from '../../src/export/zip.ts';
import { until } from '../support/until.ts';
import { unzip } from '../support/zip.ts';

const MEBIBYTE = 1024 * 1024;

/** Megabytes that do not compress, counted as they are taken and told when nobody wants more. */
function source(pieces: number) {
  const seen = { taken: 0, closed: false };
  function* bytes() {
    try {
      for (; seen.taken < pieces; seen.taken++) yield randomBytes(MEBIBYTE);
    } finally {
      seen.closed = true;
    }
  }
  return { seen, bytes: bytes() };
}

describe('a ZIP that is written as it is made', () => {
  it('holds each entry as it was given, also empty ones', async () => {
    const large = randomBytes(3 * MEBIBYTE + 17);
    const output = new PassThrough();
    const whole = buffer(output);
    await writeZip(output, async (zip) => {
      await zip.add('lines.jsonl', ['{"a":1}\n', '{"b":"é"}\n']);
      await zip.add('none.jsonl', []);
      await zip.add('raw/large.bin', inPieces(large), 1);
    });
    const files = await unzip(await whole);
    expect([...files.keys()]).toEqual(['lines.jsonl', 'none.jsonl', 'raw/large.bin']);
    expect(files.get('lines.jsonl')?.toString()).toBe('{"a":1}\n{"b":"é"}\n');
    expect(files.get('none.jsonl')).toHaveLength(0);
    expect(files.get('raw/large.bin')?.equals(large)).toBe(true);
  });

  it('takes no more from its source than its reader takes', async () => {
    const { seen, bytes } = source(200);
    const reader = new Writable({ write: () => undefined });
    const written = writeZip(reader, (zip) => zip.add('large', bytes)).catch((error: unknown) => error);
    await until('something was taken', () => seen.taken > 0);
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect(seen.taken).toBeLessThan(10);
    reader.destroy();
    await written;
  });

  it('keeps nothing of the files that are written', async () => {
    setFlagsFromString('--expose-gc');
    const collectGarbage = runInNewContext('gc') as () => void;
    const files: WeakRef<Buffer>[] = [];
    await writeZip(new PassThrough().resume(), async (zip) => {
      for (let index = 0; index < 20; index++) {
        const bytes = randomBytes(MEBIBYTE);
        files.push(new WeakRef(bytes));
        await zip.add(`raw/${index}.bin`, inPieces(bytes), 1);
      }
      await new Promise((resolve) => setTimeout(resolve, 100));
      collectGarbage();
      expect(files.filter((file) => file.deref() !== undefined).length).toBeLessThan(3);
    });
  });

  it('stops and lets go of its source when the reader leaves', async () => {
    const { seen, bytes } = source(200);
    const reader = new Writable({ write: () => undefined });
    const written = writeZip(reader, (zip) => zip.add('large', bytes));
    setTimeout(() => reader.destroy(), 50);
    await expect(written).rejects.toThrow('Premature close');
    await until('the source is closed', () => seen.closed);
    expect(seen.taken).toBeLessThan(200);
  });

  it('is destroyed, and no archive, when what fills it fails', async () => {
    const output = new PassThrough();
    const parts: Buffer[] = [];
    output.on('data', (part: Buffer) => parts.push(part));
    const written = writeZip(output, async (zip) => {
      await zip.add('good', ['good']);
      throw new Error('the store is gone');
    });
    await expect(written).rejects.toThrow('the store is gone');
    expect(output.destroyed).toBe(true);
    expect(output.readableEnded).toBe(false);
    await expect(unzip(Buffer.concat(parts))).rejects.toThrow();
  });

  it('is destroyed when a source fails in the middle', async () => {
    const output = new PassThrough().resume();
    const failing = function* () {
      yield 'some';
      throw new Error('a page did not come');
    };
    await expect(writeZip(output, (zip) => zip.add('lines', failing()))).rejects.toThrow('a page did not come');
    expect(output.destroyed).toBe(true);
  });
});
