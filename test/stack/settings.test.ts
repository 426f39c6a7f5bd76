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

  it.each([
    ['EARSHOT_MASTER_KEY', 'abc', '64 hexadecimal'],
    ['EARSHOT_API_KEYS', 'short:channel', '16 characters'],
    ['EARSHOT_API_KEYS', 'a-key-of-16-letters:root', 'scopes of'],
    ['DATABASE_URL', 'mysql://x', 'postgres://'],
    ['RAW_STORE_URL', 'ftp://x', 's3://'],
    ['TEMPORAL_ADDRESS', 'localhost', 'host:port'],
    ['EMBEDDING_DIMENSIONS', 'many', 'number'],
    ['PORT', '99999', '65535'],
  ])('%s=%s is refused with its name and what it must be', (name, value, hint) => {
    expect(() => readConfig({ ...good(), [name]: value })).toThrow(name);
    expect(() => readConfig({ ...good(), [name]: value })).toThrow(hint);
  });

  it('are read with an empty variable as if it were not set', () => {
    expect(readConfig({ ...good(), S3_ENDPOINT: '' }).S3_ENDPOINT).toBeUndefined();
  });

  it.each([
    ['TEMPORAL_ADDRESS', '127.0.0.1:1'],
    ['DATABASE_URL', 'postgresql://nobody@127.0.0.1:1/none'],
    ['EMBEDDING_MODEL', undefined],
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
