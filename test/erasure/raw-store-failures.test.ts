import {
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  ListMultipartUploadsCommand,
  ListObjectVersionsCommand,
  PutObjectCommand,
  UploadPartCommand,
  type ObjectVersion,
} from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startEarshot, type TestEarshot } from '../support/earshot.ts';
import { AT_ONCE, erase } from '../support/erasures.ts';
import { startFailingDeletes, type FailingDeletes } from '../support/failing-deletes.ts';
import { startFakeModels, type FakeModels } from '../support/fake-models.ts';
import { QUOKKA, remember, WOBBEGONG, type UnusualCustomer } from '../support/unusual-customers.ts';
import { startS3, type S3Server } from '../support/versitygw.ts';

const Bucket = 'earshot';
const SEED = 4;
const UPLOADS = 6;

let models: FakeModels;
let s3: S3Server;
let proxy: FailingDeletes;
let earshot: TestEarshot;

beforeAll(async () => {
  models = await startFakeModels();
  s3 = await startS3();
  proxy = await startFailingDeletes(s3.endpoint, SEED);
  const env = { RAW_STORE_URL: s3.url, S3_ENDPOINT: proxy.endpoint, ...s3.env };
  earshot = await startEarshot({ models, env, dials: AT_ONCE });
});
afterAll(async () => {
  await earshot?.stop();
  await proxy?.stop();
  await s3?.stop();
  await models?.stop();
});

/** Everything that lies under a prefix and takes up a byte, as a client of S3 sees it. */
async function contents(Prefix: string): Promise<{ versions: string[]; markers: string[]; uploads: string[] }> {
  const listed = await s3.client.send(new ListObjectVersionsCommand({ Bucket, Prefix }));
  const pending = await s3.client.send(new ListMultipartUploadsCommand({ Bucket, Prefix }));
  expect([listed.IsTruncated, pending.IsTruncated]).not.toContain(true);
  const named = ({ Key, VersionId }: Pick<ObjectVersion, 'Key' | 'VersionId'>) => `${Key} ${VersionId}`;
  return {
    versions: (listed.Versions ?? []).map(named).sort(),
    markers: (listed.DeleteMarkers ?? []).map(named).sort(),
    uploads: (pending.Uploads ?? []).map(({ Key, UploadId }) => `${Key} ${UploadId}`).sort(),
  };
}

/** Where a new customer's objects lie. */
async function rememberBelow(customer: UnusualCustomer): Promise<string> {
  const workflowIds = await remember(earshot, models, customer);
  const [row] = await earshot.database.query<{ customer_key: string }>(
    'select customer_key from session where workflow_id = $1',
    [workflowIds[0]],
  );
  return `raw/default/${row!.customer_key}/`;
}

/** What years of life in a bucket leave: older versions, delete markers, uploads that were never ended. */
async function age(prefix: string): Promise<void> {
  const { versions } = await contents(prefix);
  for (const Key of versions.map((version) => version.split(' ')[0]!)) {
    const object = await s3.client.send(new GetObjectCommand({ Bucket, Key }));
    const Body = await object.Body!.transformToByteArray();
    for (const round of [1, 2])
      await s3.client.send(new PutObjectCommand({ Bucket, Key, Body, Metadata: { round: `${round}` } }));
    const hidden = `${Key}-hidden`;
    await s3.client.send(new PutObjectCommand({ Bucket, Key: hidden, Body }));
    await s3.client.send(new DeleteObjectCommand({ Bucket, Key: hidden }));
  }
  for (let number = 1; number <= UPLOADS; number++) await beginUpload(`${prefix}g1/upload-${number}`);
}

async function beginUpload(Key: string): Promise<void> {
  const { UploadId } = await s3.client.send(new CreateMultipartUploadCommand({ Bucket, Key }));
  const part = { Bucket, Key, UploadId, PartNumber: 1, Body: Buffer.from('half of it') };
  await s3.client.send(new UploadPartCommand(part));
}

describe('an erasure over a raw store that fails half of its deletes', () => {
  it('removes every version, delete marker and unfinished upload of the customer, and none of another', async () => {
    const [doomed, other] = [await rememberBelow(WOBBEGONG), await rememberBelow(QUOKKA)];
    await age(doomed);
    await age(other);
    const [before, kept] = [await contents(doomed), await contents(other)];
    for (const { versions, markers, uploads } of [before, kept]) {
      expect(versions.length).toBeGreaterThanOrEqual(4 * markers.length);
      expect(markers.length).toBeGreaterThanOrEqual(3);
      expect(uploads.length).toBe(UPLOADS);
    }

    proxy.begin();
    const { certificate } = await erase(earshot, WOBBEGONG.customerId);
    expect(proxy.seen.refused).toBeGreaterThan(0);
    expect(proxy.seen.cutOff).toBeGreaterThan(0);
    expect(await contents(doomed)).toEqual({ versions: [], markers: [], uploads: [] });
    expect(await contents(other)).toEqual(kept);
    expect(certificate.statement.before).toMatchObject({
      'raw.versions': before.versions.length,
      'raw.delete_markers': before.markers.length,
      'raw.unfinished_uploads': before.uploads.length,
    });
    const { after } = certificate.statement;
    expect(Object.entries(after).filter(([store, count]) => store.startsWith('raw.') && count > 0)).toEqual([]);
  });
});
