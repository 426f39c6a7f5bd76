import { setTimeout as delay } from 'node:timers/promises';
import { CreateBucketCommand, PutBucketVersioningCommand, S3Client } from '@aws-sdk/client-s3';

// Makes the bucket of RAW_STORE_URL, with versions, when it is not there. Used by docker-compose.yml.
const { RAW_STORE_URL = '', S3_ENDPOINT } = process.env;
const Bucket = new URL(RAW_STORE_URL).host;
const client = new S3Client({
  region: 'us-east-1',
  ...(S3_ENDPOINT === undefined ? {} : { endpoint: S3_ENDPOINT, forcePathStyle: true }),
});

const ATTEMPTS = 60;
for (let attempt = 1; ; attempt++) {
  try {
    await client.send(new CreateBucketCommand({ Bucket })).catch((error: Error) => {
      if (!/BucketAlready/.test(error.name)) throw error;
    });
    await client.send(new PutBucketVersioningCommand({ Bucket, VersioningConfiguration: { Status: 'Enabled' } }));
    console.log(`The bucket ${Bucket} is there and keeps versions.`);
    break;
  } catch (error) {
    if (attempt === ATTEMPTS) throw error;
    await delay(1_000);
  }
}
