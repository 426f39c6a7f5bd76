import { spawn } from 'node:child_process';
import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CreateBucketCommand, PutBucketVersioningCommand, S3Client } from '@aws-sdk/client-s3';
import { freePort } from '../../src/stack/processes.ts';
import { linesTo, type Progress } from '../../src/stack/progress.ts';
import { CACHE, exists, runCommand, works } from '../../src/stack/tools.ts';
import { until } from './until.ts';

const MODULE = 'github.com/versity/versitygw/cmd/versitygw@v1.8.0';
const CREDENTIALS = { accessKeyId: 'earshot-test', secretAccessKey: 'earshot-test-secret' };

/** The S3 server that tests run against, built once with Go into the project's cache. */
export async function versitygwExecutable(progress: Progress, env: NodeJS.ProcessEnv): Promise<string> {
  const built = join(CACHE, 'bin', 'versitygw');
  if (await exists(built)) return built;
  if (await works('versitygw', ['--version'], env)) return 'versitygw';
  if (!(await works('go', ['version'], env))) {
    throw new Error('The tests need an S3 server: install Go, which builds versitygw, or put versitygw on PATH');
  }
  const folder = join(CACHE, `building-versitygw-${process.pid}`);
  await progress.step('Building versitygw, an S3 server, with Go, once', async (detail) => {
    await runCommand('go', ['install', '-v', MODULE], { ...env, GOBIN: folder }, detail);
    await mkdir(join(CACHE, 'bin'), { recursive: true });
    await rename(join(folder, 'versitygw'), built);
    await rm(folder, { recursive: true, force: true });
  });
  return built;
}

export interface S3Server {
  readonly endpoint: string;
  readonly url: string;
  /** For the AWS SDK's default chain. */
  readonly env: Readonly<Record<string, string>>;
  readonly client: S3Client;
  stop(): Promise<void>;
}

/** An S3 server with one bucket whose objects keep their versions. */
export async function startS3(): Promise<S3Server> {
  const folder = await mkdtemp(join(tmpdir(), 'earshot-s3-'));
  await Promise.all(['data', 'versions', 'iam'].map((name) => mkdir(join(folder, name))));
  const port = await freePort(7_070);
  const args = [
    '--access',
    CREDENTIALS.accessKeyId,
    '--secret',
    CREDENTIALS.secretAccessKey,
    '--port',
    `127.0.0.1:${port}`,
  ];
  const posix = ['posix', '--versioning-dir', join(folder, 'versions'), join(folder, 'data')];
  const executable = await versitygwExecutable(
    linesTo(() => undefined),
    process.env,
  );
  const child = spawn(executable, [...args, ...posix], { stdio: 'ignore' });
  const endpoint = `http://127.0.0.1:${port}`;
  const client = new S3Client({ endpoint, forcePathStyle: true, region: 'us-east-1', credentials: CREDENTIALS });
  await until('the S3 server takes a bucket', () =>
    client.send(new CreateBucketCommand({ Bucket: 'earshot' })).then(
      () => true,
      (error: Error) => error.name === 'BucketAlreadyOwnedByYou',
    ),
  );
  const versioning = { Bucket: 'earshot', VersioningConfiguration: { Status: 'Enabled' as const } };
  await client.send(new PutBucketVersioningCommand(versioning));
  return {
    endpoint,
    url: 's3://earshot/raw',
    env: { AWS_ACCESS_KEY_ID: CREDENTIALS.accessKeyId, AWS_SECRET_ACCESS_KEY: CREDENTIALS.secretAccessKey },
    client,
    stop: async () => {
      const ended = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGTERM');
      await ended;
      await rm(folder, { recursive: true, force: true });
    },
  };
}
