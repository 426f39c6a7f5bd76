import { access, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { readConfig, SETTINGS } from '../../src/config.ts';
import { TASK_QUEUES } from '../../src/domain/task-queues.ts';
import { PROJECT } from '../../src/stack/tools.ts';

interface Service {
  readonly image: string;
  readonly build?: string;
  readonly command?: string[];
  readonly environment?: Record<string, string>;
  readonly depends_on?: Record<string, { condition: string }>;
}

const compose = parse(await readFile(join(PROJECT, 'docker-compose.yml'), 'utf8'), { merge: true }) as {
  services: Record<string, Service>;
};
const services = Object.entries(compose.services);
const own = services.filter(([, { build }]) => build !== undefined);

/** Read by the AWS SDK's default chain, not by Earshot. */
const AWS = ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY'];

/** What each part is run from, as docs and code know it: the versions that are tested here where they are named. */
const IMAGES = [
  /^earshot:latest$/,
  /^pgvector\/pgvector:0\.8\.\d+-pg18$/,
  /^temporalio\/auto-setup:1\.29\.1$/,
  /^temporalio\/ui:2\.42\.1$/,
  /^versity\/versitygw:v1\.8\.0$/,
  /^localai\/localai:v\d+\.\d+\.\d+$/,
];

const withDefaults = (text: string) => text.replace(/\$\{\w+:-([^}]*)\}/g, '$1');

describe('docker-compose.yml', () => {
  it('runs the API and one worker for each queue', () => {
    expect(compose.services['api']?.command).toEqual(['node', 'workers/api.ts']);
    for (const queue of TASK_QUEUES) {
      expect(compose.services[`worker-${queue}`]?.command).toEqual(['node', 'workers/main.ts', queue]);
    }
    const workers = services.map(([name]) => name).filter((name) => name.startsWith('worker-'));
    expect(workers).toHaveLength(TASK_QUEUES.length);
  });

  it.each(own)(
    'gives %s settings that the code knows, all that it needs, and an entry that exists',
    async (_name, service) => {
      const names = Object.keys(service.environment ?? {});
      expect(names.filter((name) => !(name in SETTINGS) && !AWS.includes(name))).toEqual([]);
      const secrets = {
        EARSHOT_API_KEYS: 'a-key-of-16-letters:channel',
        EARSHOT_MASTER_KEY: '0'.repeat(64),
        EARSHOT_CUSTOMER_SECRET: '1'.repeat(64),
      };
      const values = Object.entries(service.environment ?? {}).map(([name, value]): [string, string] => [
        name,
        withDefaults(String(value)),
      ]);
      expect(() => readConfig({ ...Object.fromEntries(values), ...secrets })).not.toThrow();
      await access(join(PROJECT, service.command?.[1] ?? ''));
    },
  );

  it.each(services)('pins the image of %s', (_name, { image }) => {
    expect(IMAGES.some((known) => known.test(image))).toBe(true);
  });

  it.each(services)('names only services that exist as what %s depends on', (_name, service) => {
    for (const name of Object.keys(service.depends_on ?? {})) expect(compose.services).toHaveProperty(name);
  });

  it('builds an image that runs as nobody in particular', async () => {
    const dockerfile = await readFile(join(PROJECT, 'Dockerfile'), 'utf8');
    expect(dockerfile).toMatch(/^USER \d+:\d+$/m);
    for (const [, source] of dockerfile.matchAll(/^COPY (\S+) /gm)) await access(join(PROJECT, source!));
  });
});
