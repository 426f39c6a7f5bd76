import { mkdir, open, readdir, readFile, rename, rm, rmdir, stat } from 'node:fs/promises';
import { randomUUID } from 'node:crypto';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { EarshotError } from '../domain/errors.ts';
import type { DeleteAll, RawStore, StoredObject, StoredVersion } from './raw-store.ts';

/** A raw store in a directory, for a laptop and for tests. */
export function openDirectory(url: string): RawStore {
  const root = resolve(fileURLToPath(url));
  const pathOf = (key: string) => within(root, key);
  const store: RawStore = {
    put: async (key, bytes, signal) => {
      signal.throwIfAborted();
      await mapped(key, root, () => writeDurably(pathOf(key), bytes));
    },
    get: (key, signal) => mapped(key, root, () => readFile(pathOf(key), { signal })),
    delete: (key) => mapped(key, root, () => rm(pathOf(key), { force: true })),
    list: (prefix) => walk(root, prefix),
    deleteAll: (request, signal) => mapped(request.prefix, root, () => deleteUnder(root, request, signal)),
    versions: (prefix) => everyFile(root, pathOf(`${prefix}x`), prefix),
    check: async (signal) => {
      const probe = `.probe-${randomUUID()}`;
      await store.put(probe, Buffer.from('probe'), signal);
      await store.delete(probe, signal);
    },
    describe: () => `the directory of RAW_STORE_URL`,
  };
  return store;
}

function within(root: string, key: string): string {
  const path = resolve(root, key);
  if (!path.startsWith(root + sep)) throw new EarshotError('misconfigured', 'a raw object key leaves the store');
  return path;
}

const WRITE_ATTEMPTS = 10;

/** An erasure may take the folder that is still empty, or the file that has no name yet: then it is written again. */
async function writeDurably(path: string, bytes: Uint8Array): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await writeOnce(path, bytes);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || attempt === WRITE_ATTEMPTS) throw error;
    }
  }
}

/** Bytes, then name, then the directory entry: after a crash the object is whole or absent. */
async function writeOnce(path: string, bytes: Uint8Array): Promise<void> {
  const directory = dirname(path);
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const temporary = join(directory, `.partial-${randomUUID()}`);
  try {
    await withFile(temporary, 'wx', async (file) => {
      await file.writeFile(bytes);
      await file.sync();
    });
    await rename(temporary, path);
    await withFile(directory, 'r', (file) => file.sync());
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

async function withFile(
  path: string,
  flags: string,
  use: (file: Awaited<ReturnType<typeof open>>) => Promise<void>,
): Promise<void> {
  const file = await open(path, flags, 0o600);
  try {
    await use(file);
  } finally {
    await file.close();
  }
}

async function* walk(root: string, prefix: string): AsyncGenerator<StoredObject> {
  const entries = await readdir(root, { recursive: true, withFileTypes: true }).catch(() => []);
  for (const entry of entries) {
    if (!entry.isFile() || entry.name.startsWith('.')) continue;
    const path = join(entry.parentPath, entry.name);
    const key = relative(root, path).split(sep).join('/');
    if (!key.startsWith(prefix)) continue;
    const found = await stat(path).catch(unlessMissing);
    if (!Array.isArray(found)) yield { key, bytes: found.size, writtenAt: found.mtime };
  }
}

/** Temporary files are named like no object and go with the rest; folders that are empty then go too. */
async function deleteUnder(root: string, { prefix, keep, progress }: DeleteAll, signal: AbortSignal): Promise<number> {
  const folder = dirname(within(root, `${prefix}x`));
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(unlessMissing);
  const folders = entries.filter((entry) => entry.isDirectory()).map(({ parentPath, name }) => join(parentPath, name));
  let deleted = 0;
  for (const entry of entries.filter((each) => !each.isDirectory())) {
    signal.throwIfAborted();
    const path = join(entry.parentPath, entry.name);
    const key = relative(root, path).split(sep).join('/');
    if (!key.startsWith(prefix) || keep(key)) continue;
    await rm(path, { force: true });
    deleted += 1;
    progress?.(deleted);
  }
  // Deepest first. One that is in use again is left.
  for (const empty of folders.sort((a, b) => b.length - a.length)) await rmdir(empty).catch(() => undefined);
  return deleted;
}

async function* everyFile(root: string, example: string, prefix: string): AsyncGenerator<StoredVersion> {
  for (const name of await readdir(dirname(example), { recursive: true }).catch(unlessMissing)) {
    const path = join(dirname(example), name);
    const key = relative(root, path).split(sep).join('/');
    const found = await stat(path).catch(unlessMissing);
    if (!key.startsWith(prefix) || Array.isArray(found) || !found.isFile()) continue;
    yield { key, kind: path.includes(`${sep}.partial-`) ? 'unfinished upload' : 'version' };
  }
}

function unlessMissing(error: NodeJS.ErrnoException): [] {
  if (error.code === 'ENOENT') return [];
  throw error;
}

async function mapped<T>(key: string, root: string, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (error) {
    if (error instanceof EarshotError || (error instanceof Error && error.name === 'AbortError')) throw error;
    const code = (error as NodeJS.ErrnoException).code ?? 'unknown';
    if (code === 'ENOENT') throw new EarshotError('raw_object_missing', `no raw object ${key}`, { cause: error });
    throw new EarshotError('raw_store_unavailable', `RAW_STORE_URL ${root}: ${code} at ${key}`, { cause: error });
  }
}
