import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PROJECT } from '../../src/stack/tools.ts';
import { API_KEY, startEarshot, type TestEarshot } from '../support/earshot.ts';

const readme = await readFile(join(PROJECT, 'README.md'), 'utf8');
const lines = [...readme.matchAll(/```sh\n([\s\S]*?)```/g)].map(([, block]) => block!.trim()).join('\n');
const commands = lines.split(/\n(?=curl)/).filter((command) => command.startsWith('curl'));

let earshot: TestEarshot;

beforeAll(async () => {
  earshot = await startEarshot();
});
afterAll(() => earshot?.stop());

describe('the README', () => {
  it.each(commands)('%s', async (command) => {
    const env = { PATH: process.env['PATH'], EARSHOT: `http://127.0.0.1:${earshot.env['PORT']}`, KEY: API_KEY };
    // What a line would keep as a file comes out as the rest does.
    const line = command
      .trim()
      .replace('curl', 'curl -f')
      .replace(/ -o (\S+)$/, '');
    const { stdout } = await promisify(execFile)('bash', ['-c', line], { env, cwd: PROJECT, encoding: 'latin1' });
    if (stdout.startsWith('PK')) return;
    expect(JSON.parse(stdout)).toMatchObject({});
  });

  it('names every command of package.json that it speaks of', async () => {
    const { scripts } = JSON.parse(await readFile(join(PROJECT, 'package.json'), 'utf8')) as { scripts: object };
    for (const [, name] of readme.matchAll(/npm run ([a-z-]+)/g)) expect(scripts).toHaveProperty(name!);
  });

  it('gives the test section that CI runs', async () => {
    const section = /## Tests\n\n```\n([\s\S]*?)```/.exec(readme)![1]!.trim();
    expect(await readFile(join(PROJECT, '.ci', 'run'), 'utf8')).toContain(section);
  });
});
