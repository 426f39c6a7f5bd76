import { mkdtemp, rm, writeFile, readdir } from 'node:fs/promises';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { ListObjectVersionsCommand } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openRawStore, type RawStore } from '../../src/raw-store/raw-store.ts';
import { openS3 } from '../../src/raw-store/s3.ts';
import { startS3, type S3Server } from '../support/versitygw.ts';

let folder: string;
let s3: S3Server;
const never = new AbortController().signal;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'earshot-raw-'));
  s3 = await startS3();
  Object.assign(process.env, s3.env);
});
afterAll(async () => {
  await s3?.stop();
  await rm(folder, { recursive: true, force: true });
});

const stores: [string, () => RawStore][] = [
  ['a directory', () => openRawStore({ url: pathToFileURL(join(folder, 'raw')).href })],
  ['S3 with versions', () => openRawStore({ url: s3.url, endpoint: s3.endpoint })],
];

describe.each(stores)('a raw store in %s', (_name, open) => {
  it('gives back what was put, also when it was put twice', async () => {
    const store = open();
    const bytes = Buffer.from(Array.from({ length: 300_000 }, (_, index) => index % 251));
    await store.put('t/c/i/source', Buffer.from('first'), never);
    await store.put('t/c/i/source', bytes, never);
    expect(Buffer.compare(await store.get('t/c/i/source', never), bytes)).toBe(0);
  });

  it('says that an object is missing, and deletes what is not there', async () => {
    const store = open();
    await expect(store.get('t/c/i/none', never)).rejects.toMatchObject({ code: 'raw_object_missing' });
    await store.delete('t/c/i/none', never);
  });

  it('deletes an object for good, every version of it, and no neighbour', async () => {
    const store = open();
    for (const text of ['1', '2', '3']) await store.put('t/c/i/versions', Buffer.from(text), never);
    await store.put('t/c/i/versions-neighbour', Buffer.from('stays'), never);
    await store.delete('t/c/i/versions', never);
    await expect(store.get('t/c/i/versions', never)).rejects.toMatchObject({ code: 'raw_object_missing' });
    expect((await store.get('t/c/i/versions-neighbour', never)).toString()).toBe('stays');
  });

  it('lists all objects under a prefix', async () => {
    const store = open();
    const keys = Array.from({ length: 25 }, (_, index) => `t/list/i/${index}`);
    for (const key of keys) await store.put(key, Buffer.from(key), never);
    const listed = await Array.fromAsync(store.list('t/list/', never));
    expect(listed.map(({ key }) => key).sort()).toEqual(keys.sort());
    expect(listed.every(({ key, bytes }) => bytes === key.length)).toBe(true);
  });

  it('is found ready', async () => {
    await open().check(never);
  });
});

describe('a raw store in S3', () => {
  it('leaves no version and no delete marker behind', async () => {
    const page = await s3.client.send(
      new ListObjectVersionsCommand({ Bucket: 'earshot', Prefix: 'raw/t/c/i/versions' }),
    );
    const left = [...(page.Versions ?? []), ...(page.DeleteMarkers ?? [])].map(({ Key }) => Key);
    expect(new Set(left)).toEqual(new Set(['raw/t/c/i/versions-neighbour']));
  });

  it('names the setting when the bucket is missing or the credentials are wrong', async () => {
    const missing = openRawStore({ url: 's3://nothing-here/x', endpoint: s3.endpoint });
    await expect(missing.check(never)).rejects.toThrow('RAW_STORE_URL');
  });

  it('ends a call whose body stalls, and refuses a short body', async () => {
    const stalling = await fakeS3((response) => response.writeHead(200, { 'content-length': '1000' }).write('half'));
    await expect(openS3('s3://b/p', stalling.url, 300).get('k', never)).rejects.toMatchObject({
      code: 'raw_store_unavailable',
    });
    stalling.close();
    const short = await fakeS3((response) => {
      response.writeHead(200, { 'content-length': '1000' }).write('half');
      setImmediate(() => response.destroy());
    });
    await expect(openS3('s3://b/p', short.url, 5_000).get('k', never)).rejects.toThrow();
    short.close();
    const slow = await fakeS3((response) => response.writeHead(503).end());
    await expect(openS3('s3://b/p', slow.url, 5_000).put('k', Buffer.from('x'), never)).rejects.toMatchObject({
      code: 'raw_store_unavailable',
    });
    slow.close();
  });
});

describe('a raw store in a directory', () => {
  it('does not show what a crash left half written', async () => {
    const store = openRawStore({ url: pathToFileURL(join(folder, 'crash')).href });
    await store.put('t/c/i/whole', Buffer.from('whole'), never);
    await writeFile(join(folder, 'crash', 't', 'c', 'i', '.partial-1'), 'half');
    expect((await Array.fromAsync(store.list('', never))).map(({ key }) => key)).toEqual(['t/c/i/whole']);
    expect(await readdir(join(folder, 'crash', 't', 'c', 'i'))).toContain('whole');
  });

  it('does not leave its root', async () => {
    const store = openRawStore({ url: pathToFileURL(join(folder, 'root')).href });
    await expect(async () => store.get('../../etc/passwd', never)).rejects.toMatchObject({ code: 'misconfigured' });
  });
});

async function fakeS3(answer: (response: ServerResponse) => void) {
  const server = createServer((request, response) => {
    request.resume();
    request.once('end', () => answer(response));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}`, close: () => (server.close(), server.closeAllConnections()) };
}
