import { spawn } from 'node:child_process';
import { describe, expect, inject, it } from 'vitest';
import { readConfig } from '../../src/config.ts';
import { PROJECT } from '../../src/stack/tools.ts';

const good = () => ({ ...inject('stackEnv'), EARSHOT_API_KEYS: 'a-key-of-16-letters:channel+copilot' });

async function npmStart(env: Record<string, string | undefined>): Promise<{ code: number | null; errors: string }> {
  const child = spawn(process.execPath, ['workers/all.ts'], {
    cwd: PROJECT,
    env: { PATH: process.env['PATH'], ...env },
  });
  let errors = '';
  child.stderr.on('data', (text: Buffer) => (errors += text.toString()));
  const code = await new Promise<number | null>((resolve) => child.once('exit', resolve));
  return { code, errors: errors.trim() };
}

describe('settings', () => {
  it('are all told at once, one line for each that is wrong', () => {
    expect(() => readConfig({})).toThrow(/TEMPORAL_ADDRESS is not set\n(.*\n)*.*EARSHOT_MASTER_KEY is not set/);
  });

  it.each<[string, string, string]>([
    ['EARSHOT_MASTER_KEY', 'abc', '64 hexadecimal'],
    ['EARSHOT_API_KEYS', 'short:channel', '16 characters'],
    ['EARSHOT_API_KEYS', 'a-key-of-16-letters:root', 'scopes of'],
    ...['', 'Acme', 'acme_1', '-acme', 'acme-', 'a'.repeat(49), 'acme x', 'acme@beta', 'acme=1'].map(
      (tenant): [string, string, string] => [
        'EARSHOT_API_KEYS',
        `a-key-of-16-letters:channel@${tenant}`,
        'a tenant is named by',
      ],
    ),
    ['EARSHOT_API_KEYS', 'a-key-of-16-letters@acme:root', 'scopes of'],
    ['EARSHOT_API_KEYS', 'a-key-of-16-letters:channel,a-key-of-16-letters:channel@acme', 'one key to two tenants'],
    ['DATABASE_URL', 'mysql://x', 'postgres://'],
    ['RAW_STORE_URL', 'ftp://x', 's3://'],
    ['TEMPORAL_ADDRESS', 'localhost', 'host:port'],
    ['EMBEDDING_DIMENSIONS', 'many', 'number'],
    ['PORT', '99999', '65535'],
  ])('%s=%s is refused with its name and what it must be', (name, value, hint) => {
    expect(() => readConfig({ ...good(), [name]: value })).toThrow(name);
    expect(() => readConfig({ ...good(), [name]: value })).toThrow(hint);
  });

  it('give each key the tenant that its entry names, or the deployment’s own, whatever the key consists of', () => {
    const list = 'a-key-of-16-letters:channel,key@acme:channel@x:copilot+operator@acme-2,key:of@acme-and-more:auditor';
    expect(readConfig({ ...good(), EARSHOT_API_KEYS: list }).EARSHOT_API_KEYS).toEqual([
      { key: 'a-key-of-16-letters', scopes: ['channel'], tenant: 'default' },
      { key: 'key@acme:channel@x', scopes: ['copilot', 'operator'], tenant: 'acme-2' },
      { key: 'key:of@acme-and-more', scopes: ['auditor'], tenant: 'default' },
    ]);
  });

  it('are read with an empty variable as if it were not set', () => {
    expect(readConfig({ ...good(), S3_ENDPOINT: '' }).S3_ENDPOINT).toBeUndefined();
  });

  it.each([
    ['TEMPORAL_ADDRESS', '127.0.0.1:1'],
    ['DATABASE_URL', 'postgresql://nobody@127.0.0.1:1/none'],
    ['EMBEDDING_MODEL', undefined],
    ['EARSHOT_API_KEYS', 'a-key-of-16-letters:channel@Acme'],
  ])('stop npm start with one line when %s is %s', async (name, value) => {
    const { code, errors } = await npmStart({ ...good(), [name]: value });
    expect(code).toBe(1);
    expect(errors.split('\n')).toHaveLength(1);
    expect(errors).toContain(name);
  });

  it('let a worker say which queues there are', async () => {
    const child = spawn(process.execPath, ['workers/main.ts', 'nonsense'], { cwd: PROJECT });
    let errors = '';
    child.stderr.on('data', (text: Buffer) => (errors += text.toString()));
    expect(await new Promise((resolve) => child.once('exit', resolve))).toBe(2);
    expect(errors).toContain('intake, audio, vision, embedding');
  });
});
